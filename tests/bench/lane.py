"""``bench lane``: how long a new upload waits, alone and while a rescan runs.

New uploads come one every few seconds; each file is new content, fetched, decoded and scored.
Then the same again while ``earmark submit --rescan`` sends a back catalogue without end from a
process of its own. By turns, so that a busier hour meets both.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench.pipeline import Installation, running
from tests.bench.table import Report, Row

TURNS: Final = 2
SETTLE_S: Final = 5.0


def bench_lane(
    files: Iterator[Path],
    state: Path,
    tracks: int,
    every_s: float,
    at_once: int,
    brokers: str | None,
) -> Report:
    """Run it.

    Args:
        files: an endless supply of files with different content and equal cost.
        state: a folder for artefacts, ledger and logs.
        tracks: new uploads, alone and beside the rescan.
        every_s: seconds between two of them.
        at_once: uploads of the rescan under way at once.
        brokers: bootstrap servers, or None for an embedded broker.
    """
    with running(state, brokers, next(files)) as installation:
        alone: list[float] = []
        beside: list[float] = []
        rescanned = 0
        for _ in range(TURNS):
            alone += _waits(installation, files, tracks // TURNS, every_s)
            old = [next(files) for _ in range(int(tracks / TURNS * every_s) + 1)]
            with _rescan(installation, old, state / "rescan.log", at_once):
                time.sleep(SETTLE_S)
                beside += _waits(installation, files, tracks // TURNS, every_s)
            lines = (state / "rescan.log").read_text().splitlines()
            rescanned += sum(file.stem in line for line in lines for file in old)
            installation.finish()
    p95 = {name: float(np.percentile(waits, 95)) for name, waits in (("a", alone), ("b", beside))}
    ratio = float(np.median(beside) / np.median(alone))
    return Report(
        "lane",
        "new uploads alone",
        (
            Row("upload to decision, alone", tuple(alone), "ms", 1.0),
            Row("upload to decision, beside a rescan", tuple(beside), "ms", ratio),
        ),
        {
            "p95_ms_alone": p95["a"],
            "p95_ms_beside_a_rescan": p95["b"],
            "p95_ratio": p95["b"] / p95["a"],
            "rescanned": rescanned,
        },
        (f"{tracks} new uploads each, one every {every_s:g} s; rescan: {at_once} under way",),
    )


def _waits(
    installation: Installation, files: Iterator[Path], tracks: int, every_s: float
) -> list[float]:
    known = set(installation.waits)
    began = time.monotonic()
    for number in range(tracks):
        while (left := began + number * every_s - time.monotonic()) > 0:
            installation.look(min(left, 0.05))
        installation.send([next(files)])
    installation.finish()
    return [1_000 * wait for one, wait in installation.waits.items() if one not in known]


@contextmanager
def _rescan(
    installation: Installation, files: list[Path], log: Path, at_once: int
) -> Iterator[None]:
    """Let a process of its own send ``files`` behind all others, until this ends."""
    folder = installation.state.folder
    arguments = ["submit", "--rescan", "--at-once", str(at_once), "--state", str(folder)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *arguments, *map(str, files)],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
            if process.poll() not in (None, 0):
                raise RuntimeError(f"the rescan ended by itself: {log.read_text()[-2000:]}")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
