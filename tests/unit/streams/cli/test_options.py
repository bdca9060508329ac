"""What several commands share."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from streams.cli.options import parse_time


def test_times_are_read() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert parse_time("90m", lambda: now) == now - timedelta(minutes=90)
    assert parse_time("2d", lambda: now) == now - timedelta(days=2)
    assert parse_time("2026-11-23T12:00") == now
    assert parse_time("2026-11-23T13:00+01:00") == now
    for wrong in ("yesterday", "", "-3h", "9" * 30 + "w"):
        with pytest.raises(typer.BadParameter):
            parse_time(wrong)
