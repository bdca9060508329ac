"""What several commands share."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from streams.cli.options import parse_time


def test_times_are_read() -> None:
    for text, ago in (("90m", timedelta(minutes=90)), ("2d", timedelta(days=2))):
        before, at, after = datetime.now(UTC), parse_time(text), datetime.now(UTC)
        assert before <= at + ago <= after
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert parse_time("2026-11-23T12:00") == noon
    assert parse_time("2026-11-23T13:00+01:00") == noon
    for wrong in ("yesterday", "", "-3h", "9" * 30 + "w"):
        with pytest.raises(typer.BadParameter):
            parse_time(wrong)
