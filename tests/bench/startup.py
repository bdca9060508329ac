"""``bench startup``: what a process costs before its work, how soon ``up`` decides.

The peer is Python itself, started to do nothing.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from detector.errors import Fatal
from streams.contract.processes import PROCESSES
from tests.bench.measure import Job, by_turns, cpu_of
from tests.bench.table import Report, Row

MODULES: Final = {name: process.entry.partition(":")[0] for name, process in PROCESSES.items()} | {
    "up": "streams.ops.up"
}
PATIENCE_S: Final = 180.0


def bench_startup(audio: Path, state: Path, rounds: int) -> Report:
    """Measure the imports of every process, and ``earmark up`` from its start to a decision."""
    jobs: dict[str, Job] = {"python": lambda: cpu_of([sys.executable, "-c", ""])}
    for name, module in MODULES.items():
        command = [sys.executable, "-c", f"import {module}"]
        jobs[name] = lambda command=command: cpu_of(command)  # type: ignore[misc]  # bound now
    measured = by_turns(jobs, rounds)
    peer = Row("python", measured["python"], "CPU-s")
    rows = [
        Row(name, values, "CPU-s", Row("", values, "").median / peer.median)
        for name, values in measured.items()
    ]
    first = tuple(_first_decision(audio, state / f"run-{number}") for number in range(rounds))
    rows.append(Row("up, from its start to the first decision", first, "s"))
    installation = sum(row.median for row in rows if row.name in MODULES and row.name != "up")
    return Report(
        "startup",
        "python",
        tuple(rows),
        {"first_decision_s": rows[-1].median, "cpu_seconds_of_all_processes": installation},
        ("a process: the imports of its role; decode processes are forked from one of their own",),
    )


def _first_decision(audio: Path, state: Path) -> float:
    out = state / "ends.jsonl"
    state.mkdir(parents=True)
    began = time.monotonic()
    command = ["-m", "streams.cli.main", "up", "--state", str(state), "--audio", str(audio)]
    process = subprocess.Popen(
        [sys.executable, *command, "--once", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.monotonic() - began < PATIENCE_S:
            if out.exists() and any(
                json.loads(line)["status"] == "decided" for line in out.read_text().splitlines()
            ):
                return time.monotonic() - began
            if process.poll() is not None:
                break
            time.sleep(0.02)
    finally:
        process.terminate()
        process.wait(30)
    raise Fatal(f"earmark up decided nothing; logs: {state}/logs")
