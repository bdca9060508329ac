"""Observes files in parallel, once: a cache folder keyed by content.

Files are decoded as the service does (``detector.observation.listen``). The key is the SHA-256 of
the file and the observation's version.
"""

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from detector.audio.heap import keep_freed_memory
from detector.errors import InvalidAudio
from detector.observation import observation as observing
from detector.observation.listen import listen
from detector.observation.observation import Observation
from detector.types import AudioFacts
from models.learning.data import Track

MAX_DURATION_S: Final = 3_600.0


@dataclass(frozen=True)
class Observed:
    """One track and its observation; ``delivery`` is empty for the file as it is."""

    track: Track
    facts: AudioFacts
    observation: Observation
    delivery: str = ""


@dataclass(frozen=True)
class Rejected:
    """One track that could not be decoded, and why."""

    track: Track
    reason: str


def observe(
    tracks: Sequence[Track], cache: Path, workers: int
) -> tuple[list[Observed], list[Rejected]]:
    """Return the observations in the order of ``tracks``, and the tracks that failed."""
    cache.mkdir(parents=True, exist_ok=True)
    todo = [track for track in tracks if not _facts_path(cache, track.sha256).exists()]
    if todo and workers > 1:
        # spawned, because a forked child of a process that runs threads may hang
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            list(pool.map(_observe_one, [(track, cache) for track in todo], chunksize=4))
    else:
        for track in todo:
            _observe_one((track, cache))
    return _read(tracks, cache)


def _read(tracks: Iterable[Track], cache: Path) -> tuple[list[Observed], list[Rejected]]:
    observed, rejected = [], []
    for track in tracks:
        facts = orjson.loads(_facts_path(cache, track.sha256).read_bytes())
        if "reason" in facts:
            rejected.append(Rejected(track, facts["reason"]))
            continue
        data = _facts_path(cache, track.sha256).with_suffix(".obs").read_bytes()
        observed.append(Observed(track, AudioFacts(**facts), Observation.from_bytes(data)))
    return observed, rejected


def _observe_one(job: tuple[Track, Path]) -> None:
    """Hear one file in a worker; the facts are written last, so a broken run leaves no half."""
    track, cache = job
    keep_freed_memory()
    facts = _facts_path(cache, track.sha256)
    try:
        decoded = listen(track.path, max_duration_s=MAX_DURATION_S)
    except InvalidAudio as error:
        _write(facts, orjson.dumps({"reason": str(error)}))
        return
    _write(facts.with_suffix(".obs"), decoded.observation)
    _write(facts, orjson.dumps(asdict(decoded.audio)))


def _facts_path(cache: Path, sha256: str) -> Path:
    return cache / f"{sha256}-{observing.VERSION}.json"


def _write(path: Path, data: bytes) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
