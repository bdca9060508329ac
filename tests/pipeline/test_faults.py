"""The soak, small enough for every run of the tests; see ``tests.soak``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline

ROOT = Path(__file__).parents[2]
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


def number(said: str, name: str) -> int:
    (line,) = [line for line in said.splitlines() if line.startswith(f"{name} ")]
    return int(line.removeprefix(name).split()[0])


def test_a_thousand_uploads_and_a_dozen_faults_on_the_embedded_broker(tmp_path: Path) -> None:
    said = soak(tmp_path / "logs", "--uploads", "1000", "--kills", "8", "--broker", "tansu")
    assert number(said, "LOST") == number(said, "CONFLICTING") == 0
    assert number(said, "STUCK partitions") == 0
    assert number(said, "of them kills") >= 6


@pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="no java or mvn")
def test_every_kind_of_kill_on_apache_kafka(tmp_path: Path) -> None:
    said = soak(tmp_path / "logs", "--uploads", "600", "--kills", "7", "--broker", "kafka")
    assert number(said, "LOST") == number(said, "CONFLICTING") == 0
    assert number(said, "of them kills") == 7, "each kind of worker, and the broker"
    assert "kill broker 1" in said
