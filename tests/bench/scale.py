"""``bench scale``: more workers, more partitions, more tracks.

Workers of the costliest stage (fingerprint, one decode process each) are added, on topics of few
and of many partitions. Efficiency is the rate over that of one worker, divided by the number that
can work at once: the least of workers, partitions and cores. ``bench_linear`` sends a hundred
tracks and then ten times as many into the same pipeline.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from streams.contract.processes import GROUPS
from tests.bench.pipeline import Burst, burst, running
from tests.bench.table import Report, Row

SHAPES: Final = ((1, 1), (1, 4), (1, 12), (2, 4), (2, 12), (3, 12), (4, 12))
STAGE: Final = "fingerprint"
TIMES: Final = 10


def bench_scale(
    files: Iterator[Path], state: Path, tracks: int, shapes: tuple[tuple[int, int], ...] = SHAPES
) -> Report:
    """Measure a fresh installation on an embedded broker for each (workers, partitions)."""
    cores = os.cpu_count() or 1
    rows: list[Row] = []
    rates: dict[tuple[int, int], float] = {}
    for workers, partitions in shapes:
        names = [*GROUPS, *[STAGE] * (workers - 1)]
        shape = {"partitions": partitions, "decode_workers": 1}
        with running(state, None, next(files), names, **shape) as installation:
            result = burst(installation, list(islice(files, tracks)))
        rates[workers, partitions] = result.tracks_per_second
        could = min(workers, partitions, cores)
        efficiency = result.tracks_per_second / rates[shapes[0]] / could
        name = f"{workers} workers, {partitions} partitions"
        rows.append(Row(name, (result.tracks_per_second,), "tracks/s", efficiency))
        rows.append(Row(f"{name}: CPU", (result.cpu_per_track,), "CPU-s/track"))
    figures = {
        f"efficiency_{workers}_workers_{partitions}_partitions": rate
        / rates[shapes[0]]
        / min(workers, partitions, cores)
        for (workers, partitions), rate in rates.items()
    }
    notes = (
        f"{tracks} tracks at once, one decode process a worker, {cores} cores",
        "ratio: efficiency, the rate over that of the first line and over how many can work",
    )
    return Report("scale", "", tuple(rows), figures, notes)


def bench_linear(files: Iterator[Path], state: Path, tracks: int, seconds: float) -> Report:
    """Send ``tracks``, then ten times as many, into one installation on an embedded broker."""
    with running(state, None, next(files)) as installation:
        few = burst(installation, list(islice(files, tracks)))
        many = burst(installation, list(islice(files, TIMES * tracks)))
        memory = installation.memory()
    rows = [*_rows(f"{tracks} tracks", few), *_rows(f"{TIMES * tracks} tracks", many)]
    rows += [Row(f"memory of worker {name}", (value,), "MB") for name, value in memory.items()]
    return Report(
        "linear",
        "",
        tuple(rows),
        {
            "cpu_per_track_of_many_over_few": many.cpu_per_track / few.cpu_per_track,
            "tracks_per_second": many.tracks_per_second,
        },
        (f"tracks of {seconds:g} s; above 1, more tracks cost more each",),
    )


def _rows(name: str, result: Burst) -> list[Row]:
    return [
        Row(name, (result.cpu_per_track,), "CPU-s/track"),
        Row(f"{name}: rate", (result.tracks_per_second,), "tracks/s"),
        *(Row(f"{name}: {part}", (value,), "CPU-s/track") for part, value in result.cpu.items()),
    ]
