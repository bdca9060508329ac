"""How well known tracks are recognised: real files through a grid of what people do to them.

Each recording is the reference; each cell is a query. A query goes the way that an upload
goes: index keys vote, the best are aligned, one frozen set of thresholds decides. What was
heard is kept by content and cell, so that thresholds can be looked at again in a minute.
"""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Final

import numpy as np
import torch

from detector.audio.decode import Decoder
from detector.matching.alignment import Alignment, Recording, align
from detector.matching.classes import MatchClass
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarker, Landmarks
from detector.matching.match_classes import classify, indistinct
from detector.matching.postings import Postings, pack, packed, votes
from detector.types import FloatArray
from models.augmentation.coders import Coder, through
from models.augmentation.effects import (
    equalised,
    limited,
    low_passed,
    resampled,
    sped,
    stretched,
    with_noise,
)

SECONDS: Final = 100.0
CANDIDATES: Final = 16
N, C, S = MatchClass.NEAR_DUPLICATE, MatchClass.CONTAINED, MatchClass.SPED_UP
Audio = tuple[FloatArray, int]


@dataclass(frozen=True)
class Alteration:
    """One thing that is done to a track, and the class that it should get."""

    name: str
    expected: MatchClass
    apply: Callable[[FloatArray, int, np.random.Generator], Audio]


def _coded(name: str, coder: Coder) -> Alteration:
    return Alteration(name, N, lambda audio, rate, rng: through(audio, rate, coder))


def _excerpt(seconds: float) -> Callable[[FloatArray, int, np.random.Generator], Audio]:
    def cut(audio: FloatArray, rate: int, rng: np.random.Generator) -> Audio:
        length = int(seconds * rate)
        start = int(rng.integers(0, max(1, audio.shape[1] - length)))
        return audio[:, start : start + length], rate

    return cut


def _higher(audio: FloatArray, percent: int) -> FloatArray:
    """Return the audio higher by ``percent`` at the same tempo."""
    return resampled(stretched(audio, 100 / (100 + percent)), 100 + percent, 100)


def _intro(seconds: int) -> Callable[[FloatArray, int, np.random.Generator], Audio]:
    def put(audio: FloatArray, rate: int, rng: np.random.Generator) -> Audio:
        """Put noise and chords before it."""
        time_s = np.arange(seconds * rate) / rate
        wave = 0.02 * rng.standard_normal(len(time_s))
        for start in range(0, seconds, 2):
            for hz in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
                inside = (time_s >= start) & (time_s < start + 2)
                wave += 0.15 * inside * np.sin(2 * np.pi * hz * time_s)
        return np.concatenate((wave[None].astype(np.float32), audio), axis=1), rate

    return put


_MP3 = {kbit: Coder("libmp3lame", "mp3", kbit * 1_000, 44_100) for kbit in (64, 128, 320)}


def _after_mp3(
    change: Callable[[FloatArray, int, np.random.Generator], Audio],
) -> Callable[[FloatArray, int, np.random.Generator], Audio]:
    def both(audio: FloatArray, rate: int, rng: np.random.Generator) -> Audio:
        return through(*change(audio, rate, rng), _MP3[64])

    return both


ALTERATIONS: Final = (
    _coded("mp3-320", _MP3[320]),
    _coded("mp3-128", _MP3[128]),
    _coded("mp3-64", _MP3[64]),
    _coded("aac-96", Coder("aac", "adts", 96_000)),
    _coded("opus-48", Coder("libopus", "ogg", 48_000, 48_000)),
    Alteration("gain-12", N, lambda audio, rate, rng: (audio * np.float32(0.25), rate)),
    Alteration("eq", N, lambda audio, rate, rng: (equalised(audio, rate, rng), rate)),
    Alteration("limited-6", N, lambda audio, rate, rng: (limited(audio, rate, drive_db=6), rate)),
    Alteration("low-pass-3k", N, lambda audio, rate, rng: (low_passed(audio, rate, 3_000), rate)),
    Alteration("noise-20", N, lambda audio, rate, rng: (with_noise(audio, 20, rng), rate)),
    Alteration("noise-10", N, lambda audio, rate, rng: (with_noise(audio, 10, rng), rate)),
    Alteration("trim-5", N, lambda audio, rate, rng: (audio[:, 3 * rate : -2 * rate], rate)),
    Alteration("excerpt-15", C, _excerpt(15)),
    Alteration("excerpt-30", C, _excerpt(30)),
    Alteration("excerpt-60", C, _excerpt(60)),
    Alteration("excerpt-15-mp3-64", C, _after_mp3(_excerpt(15))),
    Alteration("intro-10", N, _intro(10)),
    Alteration("intro-20", C, _intro(20)),
    *(
        Alteration(f"speed{percent:+}", S, lambda a, rate, rng, p=percent: (sped(a, p), rate))  # type: ignore[misc]  # bound now
        for percent in (-8, -4, -2, -1, 1, 2, 4, 8)
    ),
    Alteration("speed+4-mp3-64", S, _after_mp3(lambda a, rate, rng: (sped(a, 4), rate))),
    Alteration("speed+4-excerpt-30", S, lambda a, r, g: (sped(_excerpt(30)(a, r, g)[0], 4), r)),
    Alteration("tempo+5", S, lambda audio, rate, rng: (stretched(audio, 1.05), rate)),
    Alteration("tempo-8", S, lambda audio, rate, rng: (stretched(audio, 0.92), rate)),
    Alteration("pitch+6", S, lambda audio, rate, rng: (_higher(audio, 6), rate)),
    Alteration("pitch-6", S, lambda audio, rate, rng: (_higher(audio, -6), rate)),
    Alteration("pitch-8", S, lambda audio, rate, rng: (_higher(audio, -8), rate)),
)  # fmt: skip
ORIGINAL: Final = "original"


@dataclass
class Grid:
    """What was found; ``text`` prints it."""

    tracks: int = 0
    classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Of each cell, the class that the right reference got, ``not_found`` if the index lost it."""
    false: list[str] = field(default_factory=list)
    queries: int = 0
    pairs: int = 0
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def text(self) -> str:
        """A table: recall (any class but none) and right class by cell, then false matches."""
        lines = [f"{self.tracks} recordings, {self.queries} queries", ""]
        lines += ["| cell | recall | right class | median score |", "|---|---|---|---|"]
        for cell in ALTERATIONS:
            classes = self.classes[cell.name]
            total = max(1, classes.total())
            known = sum(n for name, n in classes.items() if name not in ("none", "not_found"))
            right = classes[cell.expected.value]
            score = f"{np.median(self.scores[cell.name]):.2f}" if self.scores[cell.name] else "-"
            lines.append(f"| {cell.name} | {known / total:.3f} | {right / total:.3f} | {score} |")
        lines += ["", f"{len(self.false)} false matches: every query against all references, and"]
        lines += [f"{self.pairs} ordered pairs of originals aligned directly", *self.false]
        return "\n".join(lines)


def measure(paths: Sequence[Path], cache: Path, seconds: float = SECONDS) -> Grid:
    """Hear ``paths`` in every cell (kept in ``cache``), search each, return what was found."""
    torch.set_num_threads(1)
    landmarks = {path: dict(_cached_landmarks(path, cache, seconds)) for path in paths}
    references = [
        (path, Recording(cells[ORIGINAL]))
        for path, cells in landmarks.items()
        if indistinct(Recording(cells[ORIGINAL])) is None
    ]
    postings = Postings.of(packed(pack(first.keys, n) for n, (_, first) in enumerate(references)))
    grid = Grid(tracks=len(references))
    for number, (path, _) in enumerate(references):
        for cell in ALTERATIONS:
            query = Recording(landmarks[path][cell.name])
            grid.queries += 1
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
        grid.pairs += 1
        kind, answer = _class(first[1], second[1])
        if kind != MatchClass.NONE:
            grid.false.append(f"{first[0].name} is {kind} of {second[0].name}: {answer}")
    return grid


def _class(query: Recording, reference: Recording) -> tuple[str, Alignment | None]:
    answer = align(query, reference)
    durations = query.landmarks.duration_s, reference.landmarks.duration_s
    return classify(answer, *durations).value, answer


def _cached_landmarks(path: Path, cache: Path, seconds: float) -> Iterator[tuple[str, Landmarks]]:
    """Yield the landmarks of the original and of every cell."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = cache / f"landmarks{LANDMARKS_VERSION}-{seconds:g}" / content[:24]
    folder.mkdir(parents=True, exist_ok=True)
    audio: FloatArray | None = None
    rate = 0
    for cell in (None, *ALTERATIONS):
        name = cell.name if cell else ORIGINAL
        cached = folder / name
        if not cached.exists():
            if audio is None:
                audio, rate = _decoded(path, seconds)
            rng = np.random.default_rng((int(content[:8], 16), len(name)))
            sound, at = cell.apply(audio, rate, rng) if cell else (audio, rate)
            cached.write_bytes(_landmarks(sound.mean(axis=0), at).to_bytes())
        yield name, Landmarks.from_bytes(cached.read_bytes())


def _landmarks(mono: FloatArray, rate: int) -> Landmarks:
    landmarker = Landmarker(rate)
    landmarker.feed(np.ascontiguousarray(mono, np.float32))
    return landmarker.finish()


def _decoded(path: Path, seconds: float) -> Audio:
    """Return up to ``seconds`` of a file, mixed to one channel [1, n]."""
    decoder = Decoder(path, 14_400)
    pieces: list[FloatArray] = []
    for chunk in decoder.chunks():
        pieces.append(chunk.mean(axis=0, keepdims=True))
        if decoder.duration_s > seconds:
            break
    audio = np.concatenate(pieces, axis=1)[:, : int(seconds * decoder.sample_rate_hz)]
    return audio, decoder.sample_rate_hz


def sample(manifest: Path, root: Path, count: int, seed: int = 0) -> list[Path]:
    """Return recordings of at least 40 s, drawn evenly from every maker, AI and human."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["label"] in ("ai", "human") and float(row["duration_s"]) >= 40
        ]
    rng = np.random.default_rng(seed)
    rows = [rows[n] for n in rng.permutation(len(rows))]
    seen: Counter[tuple[str, str]] = Counter()
    ranked = []
    for number, row in enumerate(rows):
        maker = row["label"], row["generator"] or row["repo"]
        ranked.append((seen[maker], number, root / row["path"]))
        seen[maker] += 1
    return [path for _, _, path in sorted(ranked)[:count]]
