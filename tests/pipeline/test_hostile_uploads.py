"""Hostile uploads through the whole pipeline: each ends once, and no worker with it."""

import sys
from pathlib import Path

import pytest

from tests.support.hostile_run import run

pytestmark = pytest.mark.pipeline

FILES = 150


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched through /proc")
def test_each_ends_once_and_no_worker_with_it(tmp_path: Path) -> None:
    sums = run(tmp_path, 2, FILES, decode_max_duration_s=900.0)
    told = sums.told()
    assert not sums.missing, told
    assert not sums.twice, told
    ended = sums.decisions + sum(sums.dead_letters.values()) + sum(sums.not_sent.values())
    assert ended == FILES, told
    assert sums.decisions > 20, told
    assert not sums.not_in_ledger, told
    assert not any(sums.restarts.values()), told
    assert "unexpected_error" not in sums.dead_letters, told
    assert "decode_timeout" not in sums.dead_letters, told
    assert sums.next_good_s < 3 * sums.usual_s + 1, told
    assert sums.peak["together"] < 1_500, told
    log = (tmp_path / "logs" / "fingerprint.log").read_text()
    assert "decode_sandboxed" in log
