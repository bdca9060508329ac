"""The soak, small enough for every run of the tests, on Apache Kafka."""

import shutil
from pathlib import Path

import pytest

from tests.pipeline.soaking import number, soak

pytestmark = pytest.mark.pipeline


@pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="no java or mvn")
def test_every_kind_of_kill(tmp_path: Path) -> None:
    report = soak(tmp_path / "logs", "--uploads", "120", "--kills", "7", "--broker", "kafka")
    assert number(report, "LOST") == number(report, "CONFLICTING") == 0
    assert number(report, "of them kills") == 7, "each kind of worker, and the broker"
    assert "kill broker 1" in report
