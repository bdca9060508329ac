"""``earmark up`` as a process of its own, and what it left.

No process can import torch, as after ``pip install earmark``.
"""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from detector.types import FloatArray
from streams.runtime.processes import free_port
from tests.support.hostile_run import family
from tests.support.refused import refusing

RATE_HZ = 44_100


def start(state: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = refusing("torch", state / "refused")
    environment = {key: value for key, value in environment.items() if "EARMARK" not in key}
    environment["EARMARK_CONSOLE_PORT"] = str(free_port())  # another test may want the usual one
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli.main", "up", "--state", str(state), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def run_once(state: Path, out: Path, *arguments: str) -> tuple[list[dict[str, Any]], str]:
    process = start(state, "--once", "--out", str(out), *arguments)
    try:
        output, _ = process.communicate(timeout=360)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return [json.loads(line) for line in out.read_text().splitlines()], output


def count(state: Path, table: str) -> int:
    with sqlite3.connect(state / "ledger.db") as ledger:
        (rows,) = ledger.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
    return int(rows)


def noise(seed: int, seconds: float = 6.0) -> FloatArray:
    random = np.random.default_rng(seed)
    return random.normal(0, 0.1, (1, int(RATE_HZ * seconds))).astype(np.float32)


def workers_of(parent: int) -> dict[str, int]:
    """Return the process ids of the workers below a process, by name."""
    workers = {}
    for pid in family(parent):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "worker" in command:
            workers[command[command.index("worker") + 1]] = pid
    return workers
