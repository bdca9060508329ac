"""The embedded index survives SIGKILL (more rounds: python -m tests.support.index_kills 100)."""

from pathlib import Path

from tests.support.index_kills import kills


def test_a_killed_writer_loses_nothing_that_it_said(tmp_path: Path) -> None:
    done = kills(tmp_path, rounds=10, seed=7)
    for what in ("added", "removed", "imported", "there", "segments"):
        assert done[what] > 0, what
