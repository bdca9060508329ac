"""``bench index``: size and search times of an index of a million known tracks.

The tracks are simulated from the statistics of 38 recordings of 17 makers. Of these, two unrelated
ones share 1 of 25,000 pairs of keys, and an eighth of the keys occurs in more than one. A
Zipf-Mandelbrot law over the 440,000 possible keys (rank + 560, exponent 1) has both properties, so
keys are drawn from it. Only candidates need landmarks: they come from a few made-up scores, so that
ten million tracks take 20 GB and not 51. The queries have scores and keys of their own and are
damaged: landmarks lost or shifted, an excerpt, another speed. The peer is a search without a match.
"""

import itertools
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.matching.alignment import Recording
from detector.matching.landmarks import Landmarks
from detector.matching.postings import Keys
from detector.matching.quads import index_keys, quads_of
from streams.known.index import Item, Query, open_index
from streams.known.sql import SqlIndex
from tests.bench.table import Report, Row

KEYS_S: Final = 1.8
TRACK_S: Final = 180.0
UNIVERSE: Final = 440_000
FLAT: Final = 560.0
KNOWN_FROM: Final = 60
KNOWN_APART: Final = 1.08
POOL: Final = 32
BRIEF_S: Final = 20.0
"""Of tracks that are not searched for so much is kept: only candidates are asked for landmarks."""
NOWHERE: Final = 2 * 10**8  # scores from here on are in no index
AT_ONCE: Final = 500  # tracks drawn together
BANK: Final = "bench"


def bench_index(folder: Path, tracks: int, searches: int = 100) -> Report:
    """Bring an index in ``folder`` to so many simulated tracks, open it, search it.

    One that has some already grows (an interrupted run goes on), one that has more is
    searched as it is.
    """
    url = f"file://{folder}"
    building: dict[str, float] = {}
    with open_index(url) as index:
        there = index.stats().items.get(BANK, 0)
        if there < tracks:
            began, cpu = time.perf_counter(), time.process_time()
            index.add(_items(there, tracks))
            built = time.perf_counter() - began
            building = {
                "build_s": built,
                "build_cpu_s": time.process_time() - cpu,
                "items_per_second": (tracks - there) / built,
            }
    tracks = max(there, tracks)
    known = {number: _score(number + 1) for number in _known(tracks)[-searches:]}
    before_mb, read_before = _resident_mb(), _pages_read()
    began = time.perf_counter()
    with open_index(url) as index:
        index.search(_query(_score(NOWHERE - 1)))
        opened = time.perf_counter() - began
        rows: list[Row] = []
        figures: dict[str, float] = {}
        for name, change in _CHANGES.items():
            asked = {
                f"T-{number}": change(score, np.random.default_rng(number))
                for number, score in known.items()
            }
            times, answers = _searched(index, asked, name, figures)
            rows.append(Row(f"search, {name}", times, "ms"))
            right = sum(one in answers[one] for one in asked)
            figures[f"recall_{name}"] = right / len(asked)
            figures[f"false_{name}"] = sum(map(len, answers.values())) - right
        asked = {f"none-{n}": _score(NOWHERE + n) for n in range(searches)}
        times, answers = _searched(index, asked, "nothing", figures)
        rows.append(Row("search, nothing like it", times, "ms"))
        figures["false_of_nothing"] = sum(map(len, answers.values()))
        peer = rows[-1].median
        left_out = len(_score(1).to_bytes()) - len(_score(1, BRIEF_S).to_bytes())
        resident_mb, pages_read = _resident_mb(), _pages_read() - read_before
        stats = index.stats()
    rows = [Row(row.name, row.values, row.unit, row.median / peer) for row in rows]
    return Report(
        f"index of {tracks:,} tracks",
        "nothing",
        tuple(rows),
        {
            "tracks": tracks,
            **building,
            "open_and_first_search_s": opened,
            "bytes_per_track": stats.bytes_on_disk / tracks + left_out,
            "disk_gb": stats.bytes_on_disk / 1e9,
            "postings": stats.postings,
            "segments": stats.segments,
            "resident_mb": resident_mb,
            "resident_mb_by_searching": resident_mb - before_mb,
            "pages_read_from_disk": pages_read,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
            **figures,
        },
        (
            "resident memory counts mapped pages; what the system caches of the files is not in it",
            f"bytes a track: with {left_out} of landmarks that the tracks here were spared",
        ),
    )


def _searched(
    index: SqlIndex, asked: Mapping[str, Landmarks], name: str, figures: dict[str, float]
) -> tuple[tuple[float, ...], dict[str, list[str]]]:
    """Search for each; return how long each took in ms, and what was found."""
    times, spent, answers = [], [], {}
    for item, landmarks in asked.items():
        query = _query(landmarks)
        began, cpu = time.perf_counter(), time.process_time()
        answers[item] = [found.item.item_id for found in index.search(query)]
        times.append(1_000 * (time.perf_counter() - began))
        spent.append(1_000 * (time.process_time() - cpu))
    figures[f"cpu_ms_{name}"] = float(np.median(spent))
    figures[f"p99_cpu_ms_{name}"] = float(np.percentile(spent, 99))
    figures[f"p99_ms_{name}"] = float(np.percentile(times, 99))
    return tuple(times), answers


def _known(tracks: int) -> list[int]:
    """Return which of so many tracks will be searched for: many at every size of index."""
    powers = (KNOWN_FROM * KNOWN_APART**n for n in itertools.count())
    return [*range(min(KNOWN_FROM, tracks)), *itertools.takewhile(tracks.__gt__, map(int, powers))]


def _items(there: int, tracks: int) -> Iterator[Item]:
    """Yield the tracks from one number to another; each is the same in every index."""
    pool = [_score(10**8 + number, BRIEF_S).to_bytes() for number in range(POOL)]
    known = set(_known(tracks))
    for start in range(there - there % AT_ONCE, tracks, AT_ONCE):
        for number, keys in enumerate(_drawn(np.random.default_rng(start), AT_ONCE), start):
            if not there <= number < tracks:
                continue
            data = pool[number % POOL]
            if number in known:
                score = _score(number + 1)
                data, keys = score.to_bytes(), _placed(index_keys(quads_of(score), score))
            yield Item(BANK, f"T-{number}", f"{number:064x}", data, TRACK_S, None, keys=keys)


def _drawn(rng: np.random.Generator, tracks: int) -> list[Keys]:
    """Return the keys of so many tracks, by rank: the inverse of the law's distribution."""
    counts = rng.normal(KEYS_S * TRACK_S, 0.2 * KEYS_S * TRACK_S, tracks).astype(int).clip(20)
    total = int(counts.sum())
    ranks = FLAT * np.exp(np.log((UNIVERSE + FLAT) / FLAT) * rng.random(total)) - FLAT
    keys = _spread(ranks, rng.integers(0, int(TRACK_S), total).astype(np.uint64))
    keys |= np.repeat(np.arange(tracks, dtype=np.uint64), counts) << np.uint64(40)
    keys.sort()
    keys = keys[np.diff(keys, prepend=~keys[:1]) != 0]
    ends = np.searchsorted(keys >> np.uint64(40), np.arange(1, tracks))
    return np.split(keys & np.uint64(2**40 - 1), ends)


def _placed(keys: Keys) -> Keys:
    """Give real keys places under the same law: equal keys stay equal, rare and common mix."""
    share = ((keys >> np.uint64(8)).astype(np.float64) + 0.5) / 2**32
    ranks = FLAT * ((UNIVERSE + FLAT) / FLAT) ** share - FLAT
    return np.unique(_spread(ranks, keys & np.uint64(255)))


def _spread(ranks: NDArray[np.float64], seconds: NDArray[np.uint64]) -> Keys:
    quads = ranks.astype(np.uint32) * np.uint32(2_654_435_761)
    spread: Keys = (quads.astype(np.uint64) << np.uint64(8)) | seconds
    return spread


class _Placed(Recording):
    """A query whose keys lie where the simulated index has them."""

    @property
    def keys(self) -> Keys:
        """Its keys under the law."""
        return _placed(index_keys(self.quads, self.landmarks))


def _query(score: Landmarks) -> Query:
    return Query("f" * 64, None, _Placed(score))


def _score(seed: int, seconds: float = TRACK_S) -> Landmarks:
    """Return made-up landmarks: ten a second, on the notes of a scale, in a rhythm."""
    rng = np.random.default_rng(seed)
    count = int(10 * seconds)
    scale = np.flatnonzero(np.isin(np.arange(54) % 12, rng.choice(12, 7, replace=False)))
    beat = rng.uniform(0.2, 0.5)
    times = np.sort(rng.integers(0, int(seconds / beat * 4), count) * beat / 4)
    times += rng.normal(0, 0.01, count)
    steps = 16 * rng.choice(scale, count) + rng.normal(0, 1.5, count)
    return _ordered(times * 128, steps, seconds)


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


# Shares of landmarks that real files lose (docs/numbers/known-tracks.md): MP3 at 64 kbit/s
# loses 7 %, speed 12 %, a phase vocoder a third.
_CHANGES: Final[dict[str, Callable[[Landmarks, np.random.Generator], Landmarks]]] = {
    "reencoded": lambda score, rng: _worn(score, rng, 0.07),
    "excerpt_15s": lambda score, rng: _worn(_excerpt(score, rng, 15.0), rng, 0.07),
    "speed_4": lambda score, rng: _worn(score, rng, 0.12, 1.04),
    "speed_8_excerpt_30s": lambda score, rng: _worn(_excerpt(score, rng, 30.0), rng, 0.14, 1.08),
    "stretched": lambda score, rng: _worn(score, rng, 0.33, 1.05),
}


def _pages_read() -> int:
    """Return how often this process has waited for a page of a file."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
