"""A cache of the observations of augmented recordings, splices and hard negatives.

Encoding and stretching cost a hundred times what scoring does. The key is made of content, name,
seed and observation version, so the name of an augmentation or a kind never gets another meaning.
"""

import hashlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch

from detector.audio.decode import Decoder
from detector.audio.heap import keep_freed_memory
from detector.observation import observation as observing
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.augmentation.augmentations import AUGMENTATIONS, Audio, Augmentation, augment
from models.augmentation.hard_negatives import KINDS, SECONDS, negative
from models.learning.data import Track

WINDOWS_S: Final = (6, 12, 24, 48, 120)
MAX_DURATION_S: Final = 3_600.0


@dataclass(frozen=True)
class Case:
    """One sound to observe: its table, its name, its family and its cache key."""

    part: str
    cell: str
    family: str
    key: str


class Subject(Protocol):
    """Something that yields sounds: a recording in all cells, a hard negative, a splice."""

    @property
    def label(self) -> str:
        """``ai``, ``human`` or ``negative``."""

    @property
    def group(self) -> str:
        """What intervals resample."""

    def cases(self) -> list[Case]:
        """Return the sounds to observe, without decoding anything."""

    def sounds(self, keys: frozenset[str]) -> Iterator[tuple[str, Audio]]:
        """Yield (key, sound) of each case whose key is among ``keys``."""


@dataclass(frozen=True)
class Recording:
    """The middle of a recording in every cell (or some), and windows of it (or some)."""

    track: Track
    duration_s: float
    excerpt_s: float
    seed: int
    only_augmentations: tuple[Augmentation, ...] | None = None
    only_windows_s: tuple[int, ...] | None = None

    @property
    def cells(self) -> tuple[Augmentation, ...]:
        """The augmentations to apply."""
        return AUGMENTATIONS if self.only_augmentations is None else self.only_augmentations

    @property
    def label(self) -> str:
        """The recording's."""
        return self.track.label

    @property
    def group(self) -> str:
        """The recording's."""
        return self.track.group

    def cases(self) -> list[Case]:
        """Return a case for each cell and for each window that is not longer than the track."""
        cells = [
            Case("delivery", cell.name, cell.family, self._key(f"{cell.name}/{self.excerpt_s:g}"))
            for cell in self.cells
        ]
        return cells + [
            Case("window", f"{seconds} s", "window", self._key(f"window/{seconds}"))
            for seconds in (WINDOWS_S if self.only_windows_s is None else self.only_windows_s)
            if self.duration_s >= seconds
        ]

    def sounds(self, keys: frozenset[str]) -> Iterator[tuple[str, Audio]]:
        """See ``Subject``."""
        audio, rate_hz = decoded(self.track.path)
        part = excerpt(audio, rate_hz, self.excerpt_s)
        cells = {cell.name: cell for cell in self.cells}
        for case in self.cases():
            if case.key not in keys:
                continue
            if case.part == "delivery":
                yield case.key, augment(cells[case.cell], part, rate_hz, self.seed)
            else:
                yield case.key, (excerpt(audio, rate_hz, float(case.cell[:-2])), rate_hz)

    def _key(self, what: str) -> str:
        return key_of(self.track.sha256, what, self.seed)


@dataclass(frozen=True)
class Negative:
    """One hard negative."""

    kind: str
    seed: int

    label = "negative"

    @property
    def group(self) -> str:
        """Its kind: seeds of one kind are no independent evidence."""
        return self.kind

    def cases(self) -> list[Case]:
        """Return the one case."""
        kind = next(one for one in KINDS if one.name == self.kind)
        key = key_of("negative", f"{self.kind}/{SECONDS:g}", self.seed)
        return [Case("negative", kind.name, kind.family, key)]

    def sounds(self, keys: frozenset[str]) -> Iterator[tuple[str, Audio]]:
        """See ``Subject``."""
        kind = next(one for one in KINDS if one.name == self.kind)
        (case,) = self.cases()
        if case.key in keys:
            yield case.key, negative(kind, self.seed)


def key_of(content: str, what: str, seed: int) -> str:
    """Return the cache key of a sound."""
    text = f"{content}\t{what}\t{seed}\t{observing.VERSION}"
    return hashlib.sha256(text.encode()).hexdigest()


def fill_cache(subjects: Sequence[Subject], cache: Path, workers: int) -> None:
    """Observe what the cache lacks; an interrupted run continues where it stopped."""
    cache.mkdir(parents=True, exist_ok=True)
    jobs = [(subject, cache) for subject in subjects if _lacking(subject, cache)]
    if jobs and workers > 1:
        context = multiprocessing.get_context("spawn")  # a forked child of threads may hang
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            list(pool.map(_observe_one, jobs))
    else:
        for job in jobs:
            _observe_one(job)


def observations_of(subject: Subject, cache: Path) -> list[tuple[Case, Observation]]:
    """Return the observations of a subject from the cache."""
    return [
        (case, Observation.from_bytes(_path(cache, case.key).read_bytes()))
        for case in subject.cases()
    ]


def observe(audio: FloatArray, rate_hz: int) -> Observation:
    """Return the observation of samples [channels, n] as stored: with the service's rounding."""
    return Observation.from_bytes(_observed(audio, rate_hz))


def decoded(path: Path) -> tuple[FloatArray, int]:
    """Return the samples [1 or 2, n] of a whole file at its own rate."""
    decoder = Decoder(path, MAX_DURATION_S)
    audio = np.concatenate(list(decoder.chunks()), axis=1)
    return audio[:2], decoder.sample_rate_hz  # coders take one channel or two


def excerpt(audio: FloatArray, rate_hz: int, seconds: float) -> FloatArray:
    """Return the middle of the audio [channels, n], at most ``seconds`` of it."""
    count = min(int(seconds * rate_hz), audio.shape[1])
    start = (audio.shape[1] - count) // 2
    return audio[:, start : start + count]


def _observed(audio: FloatArray, rate_hz: int) -> bytes:
    observer = Observer(rate_hz)
    observer.feed(np.ascontiguousarray(audio.mean(axis=0), dtype=np.float32))
    return observer.finish().to_bytes()


def _lacking(subject: Subject, cache: Path) -> frozenset[str]:
    return frozenset(case.key for case in subject.cases() if not _path(cache, case.key).exists())


def _observe_one(job: tuple[Subject, Path]) -> None:
    subject, cache = job
    torch.set_num_threads(1)
    keep_freed_memory()
    for key, (audio, rate_hz) in subject.sounds(_lacking(subject, cache)):
        path = _path(cache, key)
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(_observed(audio, rate_hz))
        partial.replace(path)


def _path(cache: Path, key: str) -> Path:
    return cache / key[:2] / f"{key}.obs"
