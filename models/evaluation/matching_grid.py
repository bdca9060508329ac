"""How well known tracks are matched: real files through a grid of common alterations.

Each recording is the reference; each cell is a query. A query takes the way of an upload: index
keys vote, the best are aligned, one frozen set of thresholds decides.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations, zip_longest
from pathlib import Path
from typing import Final

import numpy as np
import torch

from detector.matching.alignment import Alignment, Recording, align
from detector.matching.classes import MatchClass
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarker, Landmarks
from detector.matching.match_classes import classify, indistinct
from detector.matching.postings import Postings, pack, packed, votes
from detector.types import FloatArray
from models.augmentation.augmentations import AUGMENTATIONS, Audio
from models.augmentation.coders import Coder, through
from models.augmentation.effects import low_passed, resampled, sped, stretched, with_noise
from models.evaluation.document import Table, markdown
from models.learning.data import Track, read_manifest, usable
from models.training.augmentation_cache import decoded
from models.training.sampling import probe

SECONDS: Final = 100.0
LEAST_S: Final = 40.0
CANDIDATES: Final = 16
Change = Callable[[FloatArray, int, np.random.Generator], Audio]
N, C, S = MatchClass.NEAR_DUPLICATE, MatchClass.CONTAINED, MatchClass.SPED_UP


@dataclass(frozen=True)
class Alteration:
    """One change of a track, and the class that it should get."""

    name: str
    expected: MatchClass
    apply: Change


_APPLY: Final = {cell.name: cell.apply for cell in AUGMENTATIONS}


def _sped(percent: int) -> Change:
    return lambda audio, rate, rng: (sped(audio, percent), rate)


def _then(first: Change, second: Change) -> Change:
    return lambda audio, rate, rng: second(*first(audio, rate, rng), rng)


def _excerpt(seconds: float) -> Change:
    def cut(audio: FloatArray, rate: int, rng: np.random.Generator) -> Audio:
        length = int(seconds * rate)
        start = int(rng.integers(0, max(1, audio.shape[1] - length)))
        return audio[:, start : start + length], rate

    return cut


def _higher(percent: int) -> Change:
    """Raise the pitch by ``percent`` at the same tempo."""
    by = 100 + percent
    return lambda audio, rate, rng: (resampled(stretched(audio, 100 / by), by, 100), rate)


def _intro(seconds: int) -> Change:
    """Put noise and chords before the track."""

    def put(audio: FloatArray, rate: int, rng: np.random.Generator) -> Audio:
        time_s = np.arange(seconds * rate) / rate
        wave = 0.02 * rng.standard_normal(len(time_s))
        for start in range(0, seconds, 2):
            for hz in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
                inside = (time_s >= start) & (time_s < start + 2)
                wave += 0.15 * inside * np.sin(2 * np.pi * hz * time_s)
        return np.concatenate((wave[None].astype(np.float32), audio), axis=1), rate

    return put


_OPUS: Final = Coder("libopus", "ogg", 48_000, 48_000)
ALTERATIONS: Final = (
    *(Alteration(name, N, _APPLY[name]) for name in ("mp3-320", "mp3-128", "mp3-64", "aac-96")),
    Alteration("opus-48", N, lambda audio, rate, rng: through(audio, rate, _OPUS)),
    Alteration("gain-12", N, _APPLY["gain-12dB"]),
    Alteration("eq", N, _APPLY["eq"]),
    Alteration("limited-6", N, _APPLY["limiter+6dB"]),
    Alteration("low-pass-3k", N, lambda audio, rate, rng: (low_passed(audio, rate, 3_000), rate)),
    Alteration("noise-20", N, _APPLY["noise-20dB"]),
    Alteration("noise-10", N, lambda audio, rate, rng: (with_noise(audio, 10, rng), rate)),
    Alteration("trim-5", N, lambda audio, rate, rng: (audio[:, 3 * rate : -2 * rate], rate)),
    *(Alteration(f"excerpt-{seconds}", C, _excerpt(seconds)) for seconds in (15, 30, 60)),
    Alteration("excerpt-15-mp3-64", C, _then(_excerpt(15), _APPLY["mp3-64"])),
    Alteration("intro-10", N, _intro(10)),
    Alteration("intro-20", C, _intro(20)),
    *(Alteration(f"speed{by:+}", S, _sped(by)) for by in (-8, -4, -2, -1, 1, 2, 4, 8)),
    Alteration("speed+4-mp3-64", S, _then(_sped(4), _APPLY["mp3-64"])),
    Alteration("speed+4-excerpt-30", S, _then(_excerpt(30), _sped(4))),
    Alteration("tempo+5", S, _APPLY["stretch+5%"]),
    Alteration("tempo-8", S, lambda audio, rate, rng: (stretched(audio, 0.92), rate)),
    *(Alteration(f"pitch{by:+}", S, _higher(by)) for by in (6, -6, -8)),
)


ORIGINAL: Final = Alteration("original", N, lambda audio, rate, rng: (audio, rate))


@dataclass
class Grid:
    """Of each cell the classes and scores of the right references, and all false matches."""

    tracks: int
    classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    false: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """A table: recall (any class but none) and right class by cell, then false matches."""
        rows = []
        for cell in ALTERATIONS:
            classes, scores = self.classes[cell.name], self.scores[cell.name]
            total = max(1, classes.total())
            known = classes.total() - classes["none"] - classes["not_found"]
            right = classes[cell.expected.value]
            score = f"{np.median(scores):.2f}" if scores else "-"
            rows.append((cell.name, f"{known / total:.3f}", f"{right / total:.3f}", score))
        blocks = (
            f"{self.tracks} recordings, {self.tracks * len(ALTERATIONS)} queries",
            Table(("cell", "recall", "right class", "median score"), rows),
            f"{len(self.false)} false matches: every query against all references, and\n"
            f"{self.tracks * (self.tracks - 1)} ordered pairs of originals aligned directly",
        )
        return "\n".join((markdown(blocks).rstrip(), *self.false))


def measure(tracks: Sequence[Track], cache: Path) -> Grid:
    """Search every cell of ``tracks`` (landmarks in ``cache``) among all of them."""
    torch.set_num_threads(1)
    landmarks = {track.path: _landmarks_of(track, cache) for track in tracks}
    originals = ((path, Recording(cells[ORIGINAL.name])) for path, cells in landmarks.items())
    references = [(path, original) for path, original in originals if indistinct(original) is None]
    postings = Postings.of(packed(pack(first.keys, n) for n, (_, first) in enumerate(references)))
    grid = Grid(tracks=len(references))
    for number, (path, _) in enumerate(references):
        for cell in ALTERATIONS:
            query = Recording(landmarks[path][cell.name])
            promising = votes([postings], query.keys).promising()
            classes = {n: _class(query, references[n][1]) for n in promising[:CANDIDATES]}
            kind, answer = classes.pop(number, ("not_found", None))
            grid.classes[cell.name][kind] += 1
            if answer is not None:
                grid.scores[cell.name].append(answer.score)
            for other, (kind, answer) in classes.items():
                if kind != MatchClass.NONE:
                    name = references[other][0].name
                    grid.false.append(f"{cell.name} {path.name} is {kind} of {name}: {answer}")
    for first, second in permutations(references, 2):
        kind, answer = _class(first[1], second[1])
        if kind != MatchClass.NONE:
            grid.false.append(f"{first[0].name} is {kind} of {second[0].name}: {answer}")
    return grid


def _class(query: Recording, reference: Recording) -> tuple[str, Alignment | None]:
    answer = align(query, reference)
    durations = query.landmarks.duration_s, reference.landmarks.duration_s
    return classify(answer, *durations).value, answer


def _landmarks_of(track: Track, cache: Path) -> dict[str, Landmarks]:
    folder = cache / f"landmarks{LANDMARKS_VERSION}-{SECONDS:g}" / track.sha256[:24]
    folder.mkdir(parents=True, exist_ok=True)
    cells = (ORIGINAL, *ALTERATIONS)
    lacking = [cell for cell in cells if not (folder / cell.name).exists()]
    if lacking:
        audio, rate = decoded(track.path)
        original = audio[:, : int(SECONDS * rate)].mean(axis=0, keepdims=True)
    for cell in lacking:
        rng = np.random.default_rng((int(track.sha256[:8], 16), len(cell.name)))
        altered, altered_rate = cell.apply(original, rate, rng)
        landmarker = Landmarker(altered_rate)
        landmarker.feed(np.ascontiguousarray(altered.mean(axis=0), np.float32))
        (folder / cell.name).write_bytes(landmarker.finish().to_bytes())
    return {cell.name: Landmarks.from_bytes((folder / cell.name).read_bytes()) for cell in cells}


def sample(manifest: Path, root: Path, count: int, seed: int = 0) -> list[Track]:
    """Return recordings of at least 40 s, drawn evenly from every maker, AI and human."""
    tracks = usable(read_manifest(manifest, root))
    by_maker: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for index in np.random.default_rng(seed).permutation(len(tracks)):
        track = tracks[index]
        if probe(track.path)[1] >= LEAST_S:
            by_maker[track.label, track.maker].append(track)
    rounds = zip_longest(*by_maker.values())
    return [track for drawn in rounds for track in drawn if track is not None][:count]
