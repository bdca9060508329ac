"""Augmented recordings: further witnesses of the same performances, further looks at generators.

Two human recordings of each source (``excerpts``) and its longest song (``songs``) are coded,
stretched and resampled; all are of 44.1 kHz and up. They keep repository and lineage, and all
versions of a performance together weigh as much as one recording. ``augment_ai`` codes and cuts
AI tracks, so that neither coder nor length separates the classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from detector.assessment.model import FULL_RATE_HZ
from detector.calibration.applicability import abstention_reason
from models.augmentation.augmentations import LOWERED, Augmentation, augmentation_named
from models.learning.data import AI, HUMAN, Track
from models.learning.observations import Observed
from models.training.augmentation_cache import WINDOWS_S, Recording, fill_cache, observations_of
from models.training.sampling import EXCERPT_S, sample

PER_SOURCE: Final = 2
PER_GENERATOR: Final = 3
SONG_S: Final = 60.0
SONG_EXCERPT_S: Final = 150.0


def _named(*names: str) -> tuple[Augmentation, ...]:
    return tuple(augmentation_named(name) for name in names)


CODED: Final = _named("mp3-128", "mp3-64", "aac-96", "opus-64", "vorbis-128")
STRETCHED: Final = _named("stretch-5%", "stretch+5%")
EXCERPT_AUGMENTATIONS: Final = (*CODED, *STRETCHED, *_named("rate-22050", "rate-32000"))
AI_AUGMENTATIONS: Final = CODED
AI_WINDOWS_S: Final = (12, 24)
SONG_AUGMENTATIONS: Final = (*_named("mp3-128", "vorbis-128", "stretch+5%"), *LOWERED)


def augment_humans(
    originals: Sequence[Observed], cells: Path, workers: int, seed: int = 0
) -> list[Observed]:
    """Return augmented versions of the human recordings among ``originals``.

    The draw depends on all of ``originals`` and on ``seed``. ``cells`` is the cache folder,
    ``workers`` the number of processes that decode what it lacks.
    """
    human = [one for one in originals if one.track.label == HUMAN]
    return _augmented(human, [*excerpts(originals, seed), *songs(human, seed)], cells, workers)


def augment_ai(
    originals: Sequence[Observed], cells: Path, workers: int, seed: int = 0
) -> list[Observed]:
    """Return augmented versions of three tracks of each generator among ``originals``."""
    ai = [one for one in originals if one.track.label == AI]
    drawn = sample([one.track for one in ai], PER_GENERATOR, seed)
    recordings = [
        Recording(track, seconds, EXCERPT_S, seed, AI_AUGMENTATIONS, AI_WINDOWS_S)
        for track, seconds in drawn
    ]
    return _augmented(ai, recordings, cells, workers)


def _augmented(
    originals: Sequence[Observed], recordings: Sequence[Recording], cells: Path, workers: int
) -> list[Observed]:
    fill_cache(recordings, cells, workers)
    facts = {one.track.sha256: one.facts for one in originals}
    return [
        Observed(one.track, facts[one.track.sha256], observation, case.cell)
        for one in recordings
        for case, observation in observations_of(one, cells)
    ]


def excerpts(originals: Sequence[Observed], seed: int) -> list[Recording]:
    """Return the middle 40 s of two recordings of each source; cells as in robustness."""
    drawn = sample([one.track for one in originals], PER_SOURCE, seed)
    return [
        Recording(track, seconds, EXCERPT_S, seed, EXCERPT_AUGMENTATIONS, WINDOWS_S)
        for track, seconds in drawn
        if track.label == HUMAN
    ]


def songs(human: Sequence[Observed], seed: int) -> list[Recording]:
    """Return 150 s of the longest recording of each source, where it is a minute or more."""
    longest: dict[str, tuple[float, Track]] = {}
    for recording in human:
        observed, track = recording.observation, recording.track
        long = observed.duration_s >= SONG_S and observed.sample_rate_hz >= FULL_RATE_HZ
        if not long or abstention_reason(observed) is not None:
            continue
        known = longest.get(track.maker)
        if known is None or observed.duration_s > known[0]:
            longest[track.maker] = (observed.duration_s, track)
    ordered = sorted(longest.values(), key=lambda pair: pair[1].sha256)
    return [
        Recording(track, seconds, SONG_EXCERPT_S, seed, SONG_AUGMENTATIONS, ())
        for seconds, track in ordered
    ]
