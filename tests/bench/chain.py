"""``bench chain``: the whole pipeline, from the hook to the catalogue.

Every file is new content, so that each is fetched, decoded and scored. The first run sends all at
once: tracks a second, CPU seconds a track by process, memory. Further runs send at shares of that
rate: the time from upload to decision.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench.decode import bare, bare_peer
from tests.bench.measure import by_turns
from tests.bench.pipeline import Installation, burst, running
from tests.bench.table import Report, Row

LOADS: Final = (0.25, 0.5, 0.8)
BARE_ROUNDS: Final = 3


def bench_chain(
    files: Iterator[Path], state: Path, tracks: int, paced: int, brokers: str | None
) -> Report:
    """Run it.

    Args:
        files: an endless supply of files with different content and equal cost.
        state: a folder for the artefacts, the ledger and the logs.
        tracks: how many to send at once.
        paced: how many to send at each share of the rate.
        brokers: bootstrap servers, or None for an embedded broker.
    """
    peer_file = next(files)
    limit = by_turns({"bare": bare(peer_file)}, BARE_ROUNDS)["bare"]
    with running(state, brokers, peer_file) as installation:
        rows, figures = _full_speed(installation, files, tracks, limit)
        for share in LOADS:
            row, ends = _paced(installation, files, paced, share, figures["tracks_per_second"])
            rows.append(row)
            at = f"at_{share:.0%}".replace("%", "_percent")
            figures |= {f"p{name}_ms_{at}": value for name, value in ends.items()}
            figures["p99_ms"] = ends[99]
    kind = "embedded broker" if brokers is None else "Kafka, whose own CPU is not in the sum"
    notes = (
        f"{tracks} tracks at once, {paced} at each load, {kind}",
        "memory: a page that processes share is divided among them",
    )
    return Report("chain", bare_peer(), tuple(rows), figures, notes)


def _full_speed(
    installation: Installation, files: Iterator[Path], tracks: int, limit: tuple[float, ...]
) -> tuple[list[Row], dict[str, float]]:
    outcome = burst(installation, [next(files) for _ in range(tracks)])
    bare_s = Row("", limit, "").median
    rows = [Row("bare decoding", limit, "CPU-s/track", 1.0)]
    rows += [
        Row(name, (value,), "CPU-s/track", value / bare_s) for name, value in outcome.cpu.items()
    ]
    total = outcome.cpu_per_track
    rows.append(Row("all processes", (total,), "CPU-s/track", total / bare_s))
    rows += [
        Row(f"memory of worker {name}", (value,), "MB")
        for name, value in installation.memory().items()
    ]
    figures = {
        "tracks_per_second": outcome.tracks_per_second,
        "cpu_seconds_per_track": total,
        "ratio_to_bare_decode": total / bare_s,
    }
    return rows, figures


def _paced(
    installation: Installation, files: Iterator[Path], tracks: int, share: float, rate: float
) -> tuple[Row, dict[int, float]]:
    known = set(installation.waits)
    began = time.monotonic()
    for number in range(tracks):
        due = began + number / (share * rate)
        while (left := due - time.monotonic()) > 0:
            installation.look(min(left, 0.05))
        installation.send([next(files)])
    installation.finish()
    waits = tuple(1_000 * w for one, w in installation.waits.items() if one not in known)
    ends = {name: _percentile(waits, name) for name in (50, 95, 99)}
    outcome = ", ".join(f"p{name} {value:.0f}" for name, value in ends.items())
    return Row(f"upload to decision at {share:.0%} ({outcome})", waits, "ms"), ends


def _percentile(values: tuple[float, ...], percent: int) -> float:
    return float(np.percentile(values, percent))
