"""The soak in small, as tests run it; see ``tests.soak``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PATIENCE_S = 420


def soak(logs: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if "EARMARK" not in key}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--pause", "8", "--logs", str(logs), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if ran.returncode == 2:
        pytest.skip(ran.stdout.strip().splitlines()[-1])
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr[-2_000:]}\nlogs: {logs}"
    return ran.stdout


def number(text: str, name: str) -> int:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return int(line.removeprefix(name).split()[0])
