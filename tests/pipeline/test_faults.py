"""The soak, small enough for every run of the tests, on the embedded broker."""

from pathlib import Path

import pytest

from streams.contract.processes import GROUPS
from tests.pipeline.soaking import number, soak

pytestmark = pytest.mark.pipeline


def test_faults_while_uploads_arrive(tmp_path: Path) -> None:
    """One worker a stage, so that a kill leaves none; on Kafka another one takes over."""
    report = soak(
        tmp_path / "logs",
        *("--uploads", "120", "--kills", str(len(GROUPS)), "--others", "4"),
        *("--broker", "tansu", "--workers", "1"),
    )
    assert number(report, "LOST") == number(report, "CONFLICTING") == 0
    assert number(report, "STUCK partitions") == 0
    assert number(report, "of them kills") == len(GROUPS), "each kind of worker"
