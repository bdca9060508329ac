"""Times and numbers on pages, and errors in the form that a caller reads."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.web.console.render import age, clock, first_up, number, percent, when
from tests.support.console import Console


def test_times_and_numbers_are_written_alike() -> None:
    at = datetime(2026, 11, 23, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert (when(at), when(None), age(None)) == ("2026-11-22 23:05 UTC", "?", "?")
    assert (clock(0), clock(59.9), clock(3_605)) == ("0:00", "0:59", "60:05")
    assert (number(0.12345), number(2.0, 0), percent(0.125, 1)) == ("0.123", "2", "12.5 %")
    assert number(None) == percent(None) == "\N{EN DASH}"
    assert (first_up("an ISRC is"), first_up("")) == ("An ISRC is", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30 s"), (600, "10 min"), (7_200, "2 h"), (259_200, "3 d")]
)
def test_an_age_is_in_its_largest_unit(seconds: int, text: str) -> None:
    assert age(datetime.now(UTC) - timedelta(seconds=seconds, milliseconds=100)) == text


def test_an_error_is_a_page_or_json_as_was_asked(console: Console) -> None:
    viewer = console.browser("viewer")
    page = viewer.get("/tracks/none")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    script = viewer.get("/tracks/none", headers={"Accept": "application/json"})
    assert (script.status_code, script.json()["status"]) == (404, 404)
