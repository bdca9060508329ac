"""``earmark topics`` and ``earmark groups`` before a broker is asked.

With one: ``tests/integration``, ``test_topic_plan``, ``test_skipping`` and ``test_offsets``.
"""

import pytest

from tests.support.command_line import run


@pytest.mark.parametrize("process", ["console", "monitor", "fingerprnt", ""])
def test_only_a_process_with_a_group_is_reset(process: str) -> None:
    printed = run("groups", "reset-offsets", process, "--to", "1h", code=2)
    assert f"no process '{process}'" in printed
    assert "redecide" in printed


def test_a_time_that_is_none_is_named() -> None:
    assert "yesterday" in run("groups", "reset-offsets", "decide", "--to", "yesterday", code=2)


def test_a_record_is_skipped_for_a_reason() -> None:
    assert "--why" in run("topics", "skip", "tracks.uploaded/0/0", code=2)
