"""Nothing loads torch where no device is asked for; import-linter has the commands."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from streams.contract.processes import PROCESSES
from tests.support.audio import write_wav
from tests.support.refused import refusing

STARTED = sorted(
    {process.entry.partition(":")[0] for process in PROCESSES.values()}
    | {"streams.cli.main", "streams.stages.ingest", "streams.ops.up", "detector.explain.plot"}
)
PROBE = f"""
import asyncio, pathlib, sys
import {", ".join(STARTED)}
from detector.assessment.analyze import analysed
from detector.assessment.model import Model
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
settings = Settings(decode_workers=1)
with DecodePool(settings) as pool:
    heard = asyncio.run(pool.decode(pathlib.Path(sys.argv[1])))
answer = analysed("noise", heard, Model.load(settings.model), settings.rates)
print(answer["duration_s"], answer["outcome"])
"""


def test_no_process_needs_torch(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 8)).astype(np.float32)
    write_wav(tmp_path / "noise.wav", noise)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, str(tmp_path / "noise.wav")],
        env=refusing("torch", tmp_path / "refused"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split()[-2:] == ["8.0", "no_trace"]
