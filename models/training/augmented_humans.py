"""Augmented human recordings: further witnesses of the same performances.

The calibration set differs from what a platform receives. Coders and phase vocoders draw
lines of their own, excerpts are shorter than songs, and below 44.1 kHz the set has no songs.
So some human recordings of 44.1 kHz and up are augmented and observed again. They are stored
in the cache of the robustness report (``models.training.augmentation_cache``):

- four of each source, the middle 40 s of each: coded, time-stretched, at lower sample rates,
  and cut to the lengths of the windows table;
- one of each performance of a minute and more, 150 s of it: coded, stretched, and at all the
  lower rates, where they are the only whole songs.

An augmented recording keeps the repository and the lineage of its original, so no fold
separates them. All versions of a performance together weigh as much as one recording.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from detector.assessment.model import FULL_RATE_HZ
from detector.calibration.applicability import abstention_reason
from models.augmentation.augmentations import LOWERED, Augmentation, augmentation_named
from models.learning.data import HUMAN, Track
from models.learning.observations import Observed
from models.training.augmentation_cache import WINDOWS_S, Recording, fill_cache, observations_of
from models.training.sampling import EXCERPT_S, sample

PER_SOURCE: Final = 4
SONG_S: Final = 60.0
SONG_EXCERPT_S: Final = 150.0


def _named(*names: str) -> tuple[Augmentation, ...]:
    return tuple(augmentation_named(name) for name in names)


CODED: Final = _named("mp3-128", "mp3-64", "aac-96", "opus-64", "vorbis-128")
STRETCHED: Final = _named("stretch-5%", "stretch+5%")
EXCERPT_AUGMENTATIONS: Final = (*CODED, *STRETCHED, *_named("rate-22050", "rate-32000"))
SONG_AUGMENTATIONS: Final = (*_named("mp3-128", "vorbis-128", "stretch+5%"), *LOWERED)


def augment_humans(
    originals: Sequence[Observed], cells: Path, workers: int, seed: int = 0
) -> list[Observed]:
    """Return augmented versions of the human recordings among ``originals``.

    Args:
        originals: recordings; the draw depends on all of them.
        cells: cache folder; what it lacks is observed and stored.
        workers: processes that decode.
        seed: of the draw, of cuts and noise.
    """
    human = [one for one in originals if one.track.label == HUMAN]
    recordings = [*excerpts(originals, seed), *songs(human, seed)]
    fill_cache(recordings, cells, workers)
    facts = {one.track.sha256: one.facts for one in human}
    return [
        Observed(one.track, facts[one.track.sha256], observation, case.cell)
        for one in recordings
        for case, observation in observations_of(one, cells)
    ]


def excerpts(originals: Sequence[Observed], seed: int) -> list[Recording]:
    """Return some recordings of each source, to observe in excerpts: the robustness report's."""
    drawn = sample([one.track for one in originals], PER_SOURCE, seed)
    return [
        Recording(track, seconds, EXCERPT_S, seed, EXCERPT_AUGMENTATIONS, WINDOWS_S)
        for track, seconds in drawn
        if track.label == HUMAN
    ]


def songs(human: Sequence[Observed], seed: int) -> list[Recording]:
    """Return the longest recording of each performance of a minute and more."""
    longest: dict[str, tuple[float, Track]] = {}
    for recording in human:
        observed, track = recording.observation, recording.track
        long = observed.duration_s >= SONG_S and observed.sample_rate_hz >= FULL_RATE_HZ
        if not long or abstention_reason(observed) is not None:
            continue
        known = longest.get(track.performance)
        if known is None or observed.duration_s > known[0]:
            longest[track.performance] = (observed.duration_s, track)
    ordered = sorted(longest.values(), key=lambda pair: pair[1].sha256)
    return [
        Recording(track, seconds, SONG_EXCERPT_S, seed, SONG_AUGMENTATIONS, ())
        for seconds, track in ordered
    ]
