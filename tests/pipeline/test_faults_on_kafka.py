"""The soak, small enough for every run of the tests, on Apache Kafka."""

import shutil
from pathlib import Path

import pytest

from streams.contract.processes import GROUPS
from tests.pipeline.soaking import number, soak

pytestmark = pytest.mark.pipeline

KILLS = len(GROUPS) + 1


@pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="no java or mvn")
def test_every_kind_of_kill(tmp_path: Path) -> None:
    report = soak(tmp_path / "logs", "--uploads", "120", "--kills", str(KILLS), "--broker", "kafka")
    assert number(report, "LOST") == number(report, "CONFLICTING") == 0
    assert number(report, "of them kills") == KILLS, "each kind of worker, and the broker"
    assert "kill broker 1" in report
