"""Torch is loaded by what scores and by nothing else; import-linter has the commands."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from streams.contract.processes import CLASSIFY, PROCESSES
from tests.support.audio import write_wav

STARTED = sorted(
    {process.entry.partition(":")[0] for process in PROCESSES.values() if process != CLASSIFY}
    | {"streams.cli.main", "streams.stages.ingest", "streams.ops.up"}
)
PROBE = f"""
import asyncio, pathlib, sys
import {", ".join(STARTED)}
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
with DecodePool(Settings(decode_workers=1)) as pool:
    heard = asyncio.run(pool.decode(pathlib.Path(sys.argv[1])))
print(heard.audio.duration_s, "torch" in sys.modules)
"""


def test_no_other_process_has_torch(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 8)).astype(np.float32)
    write_wav(tmp_path / "noise.wav", noise)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, str(tmp_path / "noise.wav")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split()[-2:] == ["8.0", "False"]
