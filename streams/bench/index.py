"""``earmark bench index``: what a million known tracks take, and how long they are searched.

The tracks are simulated from the statistics of real ones. What decides about an index is how
its keys are spread: over 38 recordings of 17 makers, two unrelated ones share 1 of 25,000 pairs
of keys, and an eighth of the keys occurs in more than one. A Zipf-Mandelbrot law over the
440,000 keys that there can be (rank + 560, exponent 1) has both, so keys are drawn from it.
Landmarks, which only candidates are asked for, come from a few made-up scores. The tracks that
are searched for have scores and keys of their own, and are searched worn: with landmarks lost,
shifted, as an excerpt, at another speed. The peer is the search for what is not there.
"""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.alignment import Recording
from detector.landmarks import Landmarks
from detector.postings import Keys
from detector.quads import index_keys, quads_of
from streams.bench.table import Report, Row
from streams.known.index import Item, Query, open_index

KEYS_S: Final = 1.8
TRACK_S: Final = 180.0
UNIVERSE: Final = 440_000
FLAT: Final = 560.0
KNOWN: Final = 200
POOL: Final = 32


def bench_index(folder: Path, tracks: int, searches: int = 100) -> Report:
    """Build an index of so many simulated tracks in ``folder``, open it, search it."""
    rng = np.random.default_rng(tracks)
    known = {int(n): _score(int(n) + 1) for n in rng.choice(tracks, min(KNOWN, tracks), False)}
    url = f"file://{folder}"
    began, cpu = time.perf_counter(), time.process_time()
    with open_index(url) as index:
        index.add(_items(tracks, known, rng))
    built, built_cpu = time.perf_counter() - began, time.process_time() - cpu
    before_mb = _resident_mb()
    began = time.perf_counter()
    with open_index(url) as index:
        index.search(_query(_score(0)))
        opened = time.perf_counter() - began
        rows: list[Row] = []
        figures: dict[str, float] = {}
        for name, change in _CHANGES.items():
            found, times, spent = 0, [], []
            for number, score in list(known.items())[:searches]:
                query = _query(change(score, np.random.default_rng(number)))
                began, cpu = time.perf_counter(), time.process_time()
                answers = index.search(query)
                times.append(1_000 * (time.perf_counter() - began))
                spent.append(1_000 * (time.process_time() - cpu))
                found += any(one.item.item_id == f"T-{number}" for one in answers)
                figures[f"false_{name}"] = figures.get(f"false_{name}", 0) + sum(
                    one.item.item_id != f"T-{number}" for one in answers
                )
            rows.append(Row(f"search, {name}", tuple(times), "ms"))
            figures[f"cpu_ms_{name}"] = float(np.median(spent))
            figures[f"p99_cpu_ms_{name}"] = float(np.percentile(spent, 99))
            figures[f"p99_ms_{name}"] = float(np.percentile(times, 99))
            figures[f"recall_{name}"] = found / len(times)
        nothing, spent = [], []
        for number in range(searches):
            query = _query(_score(10**7 + number))
            began, cpu = time.perf_counter(), time.process_time()
            answers = index.search(query)
            nothing.append(1_000 * (time.perf_counter() - began))
            spent.append(1_000 * (time.process_time() - cpu))
            figures["false_of_nothing"] = figures.get("false_of_nothing", 0) + len(answers)
        figures["cpu_ms_nothing"] = float(np.median(spent))
        figures["p99_cpu_ms_nothing"] = float(np.percentile(spent, 99))
        figures["p99_ms_nothing"] = float(np.percentile(nothing, 99))
        rows.append(Row("search, nothing like it", tuple(nothing), "ms"))
        peer = rows[-1].median
        stats = index.stats()
    rows = [Row(row.name, row.values, row.unit, row.median / peer) for row in rows]
    return Report(
        f"index of {tracks:,} tracks",
        "nothing",
        tuple(rows),
        {
            "tracks": tracks,
            "build_s": built,
            "build_cpu_s": built_cpu,
            "items_per_second": tracks / built,
            "open_and_first_search_s": opened,
            "bytes_per_track": stats.bytes_on_disk / tracks,
            "disk_gb": stats.bytes_on_disk / 1e9,
            "postings": stats.postings,
            "segments": stats.segments,
            "resident_mb": _resident_mb(),
            "resident_mb_by_searching": _resident_mb() - before_mb,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
            **figures,
        },
        ("resident memory counts mapped pages that were touched; the system may take them back",),
    )


def _items(tracks: int, known: dict[int, Landmarks], rng: np.random.Generator) -> Iterator[Item]:
    pool = [_score(10**6 + number).to_bytes() for number in range(POOL)]
    for number in range(tracks):
        content = f"{number:064x}"
        if number in known:
            score = known[number]
            data, keys = score.to_bytes(), _placed(index_keys(quads_of(score), score))
        else:
            data, keys = pool[number % POOL], _drawn(rng)
        yield Item("bench", f"T-{number}", content, data, TRACK_S, None, keys=keys)


def _drawn(rng: np.random.Generator) -> Keys:
    """Return the keys of one track, by rank: the inverse of the law's distribution."""
    count = max(20, int(rng.normal(KEYS_S * TRACK_S, 0.2 * KEYS_S * TRACK_S)))
    ranks = FLAT * ((UNIVERSE + FLAT) / FLAT) ** rng.random(count) - FLAT
    return _spread(ranks, rng.integers(0, int(TRACK_S), count).astype(np.uint64))


def _placed(keys: Keys) -> Keys:
    """Give real keys places under the same law: equal keys stay equal, rare and common mix."""
    share = ((keys >> np.uint64(8)).astype(np.float64) + 0.5) / 2**32
    ranks = FLAT * ((UNIVERSE + FLAT) / FLAT) ** share - FLAT
    return _spread(ranks, keys & np.uint64(255))


def _spread(ranks: NDArray[np.float64], seconds: NDArray[np.uint64]) -> Keys:
    quads = ranks.astype(np.uint32) * np.uint32(2_654_435_761)
    spread: Keys = np.unique((quads.astype(np.uint64) << np.uint64(8)) | seconds)
    return spread


class _Placed(Recording):
    """A query whose keys lie where the simulated index has them."""

    @property
    def keys(self) -> Keys:
        """Its keys under the law."""
        return _placed(index_keys(self.quads, self.landmarks))


def _query(score: Landmarks) -> Query:
    return Query("f" * 64, None, _Placed(score))


def _score(seed: int) -> Landmarks:
    """Return made-up landmarks: ten a second, on the notes of a scale, in a rhythm."""
    rng = np.random.default_rng(seed)
    count = int(10 * TRACK_S)
    scale = np.flatnonzero(np.isin(np.arange(54) % 12, rng.choice(12, 7, replace=False)))
    beat = rng.uniform(0.2, 0.5)
    times = np.sort(rng.integers(0, int(TRACK_S / beat * 4), count) * beat / 4)
    times += rng.normal(0, 0.01, count)
    steps = 16 * rng.choice(scale, count) + rng.normal(0, 1.5, count)
    return _ordered(times * 128, steps, TRACK_S)


def _worn(score: Landmarks, rng: np.random.Generator, lost: float, speed: float = 1.0) -> Landmarks:
    kept = rng.random(len(score)) >= lost
    ticks = (score.ticks.astype(float) + rng.normal(0, 0.7, len(score))) / speed
    steps = score.steps + rng.normal(0, 0.7, len(score)) + 192 * np.log2(speed)
    steps = np.where(kept, steps, rng.integers(0, 54 * 16, len(score)))
    return _ordered(ticks, steps, score.duration_s / speed)


def _excerpt(score: Landmarks, rng: np.random.Generator, seconds: float) -> Landmarks:
    start = rng.uniform(0, score.duration_s - seconds) * 128
    inside = (score.ticks >= start) & (score.ticks < start + seconds * 128)
    return _ordered(
        score.ticks[inside].astype(float) - start, score.steps[inside].astype(float), seconds
    )


def _ordered(
    ticks: NDArray[np.float64], steps: NDArray[np.float64], duration_s: float
) -> Landmarks:
    whole_ticks, whole_steps = np.rint(ticks).clip(0), np.rint(steps).clip(0)
    order = np.lexsort((whole_steps, whole_ticks))
    return Landmarks(
        whole_ticks[order].astype(np.uint32), whole_steps[order].astype(np.uint16), duration_s
    )


# Shares of landmarks that are lost as measured on real files (KNOWN.md): MP3 at 64 kbit/s loses
# 7 %, speed 12 %, a phase vocoder a third.
_CHANGES: Final[dict[str, Callable[[Landmarks, np.random.Generator], Landmarks]]] = {
    "reencoded": lambda score, rng: _worn(score, rng, 0.07),
    "excerpt_15s": lambda score, rng: _worn(_excerpt(score, rng, 15.0), rng, 0.07),
    "speed_4": lambda score, rng: _worn(score, rng, 0.12, 1.04),
    "speed_8_excerpt_30s": lambda score, rng: _worn(_excerpt(score, rng, 30.0), rng, 0.14, 1.08),
    "stretched": lambda score, rng: _worn(score, rng, 0.33, 1.05),
}


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
