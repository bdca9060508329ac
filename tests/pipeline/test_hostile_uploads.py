"""Hostile uploads through the whole pipeline: each ends once, and no worker with it."""

import sys
from pathlib import Path

import pytest

from tests.support.hostile_run import run

pytestmark = pytest.mark.pipeline

FILES = 80  # each of 26 kinds, most of them several times


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
def test_each_ends_once_and_no_worker_with_it(tmp_path: Path) -> None:
    sums = run(tmp_path, 2, FILES, decode_max_duration_s=900.0)
    summary = sums.summary()
    assert not sums.missing, summary
    assert not sums.twice, summary
    ended = sums.decisions + sum(sums.dead_letters.values()) + sum(sums.not_sent.values())
    assert ended == FILES, summary
    assert sums.decisions > 10, summary
    assert not sums.not_in_ledger, summary
    assert not any(sums.restarts.values()), summary
    assert "unexpected_error" not in sums.dead_letters, summary
    assert "decode_timeout" not in sums.dead_letters, summary
    assert sums.next_good_s < 3 * sums.usual_s + 1, summary
    assert sums.peak["together"] < 1_500, summary
    log = (tmp_path / "logs" / "fingerprint.log").read_text()
    assert "decode_sandboxed" in log
