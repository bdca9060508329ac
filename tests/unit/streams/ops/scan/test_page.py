"""The page of a scan: complete, escaped, and without a network."""

import re
from datetime import UTC, datetime

import pytest

from detector.types import Rates
from streams.ops.scan import page as pages
from streams.ops.scan.page import bar, hours, p_value_text, page, standouts
from streams.ops.scan.records import Listing, Reading
from streams.ops.scan.tables import Report
from tests.support.scanned import about, catalogue, listing, reading

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_texts_of_others_are_only_shown() -> None:
    html = page(Report.of(*catalogue()), about(), AT)
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in html
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert not re.search(r"(?:src|href)=\"(?!#)", html), "nothing is loaded, no link leaves"
    assert html.count("<script>") == 1


def test_what_a_catalogue_manager_asks_is_there() -> None:
    html = page(Report.of(*catalogue()), about(), AT)
    for text in (
        *("Scan of /music", "8 files", "2026-11-30 12:00 UTC", "By artist", "By release"),
        *("1 of 8 files are not read yet", "Suno (tag)", "other artist", "30 s in common"),
        *("3 other files are not named like audio", "undecodable", "1: 3 files"),
    ):
        assert text in html, text
    assert "known" not in re.findall(r'<th scope="col" class="num">(\w+)', html)
    assert "in your banks" in page(Report.of([], []), about(known=True), AT)


def test_a_large_scan_is_cut_and_says_where_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_TRACKS", 2)
    monkeypatch.setattr(pages, "MOST_NAMES", 1)
    html = page(Report.of(*catalogue()), about(), AT)
    assert "The first 2 of 8 files, those with findings first; tracks.csv has all" in html
    assert "the first 1 shown; artists.csv has all" in html
    assert "a1.flac" in html
    assert html.count("/music/c.wav") == 0


def test_bars_and_numbers() -> None:
    parts = bar(Report.of(*catalogue()).total)
    assert [part.kind for part in parts] == [
        *("identified", "suspected", "no_trace", "not_assessable", "unreadable"),
    ]
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.01)
    assert bar(Report.of([], []).total) == []
    assert [hours(seconds) for seconds in (20, 90, 7_300, 3_600_060)] == [
        *("20 s", "2 min", "2 h 2 min", "1,000 h 1 min"),
    ]
    assert [p_value_text(value) for value in (None, 0.5, 0.00361, 0.00001)] == [
        *("", "0.5", "0.00361", "< 0.0001"),
    ]


def test_only_what_is_more_than_chance_stands_out() -> None:
    def files(artist: str, suspected: int, tracks: int) -> list[tuple[Listing, Reading | None]]:
        return [
            (
                listing(f"{artist}/{n}.wav", artists=(artist,), folder=artist),
                reading("a", "suspected" if n < suspected else "no_trace"),
            )
            for n in range(tracks)
        ]

    lines = [*files("By chance", 2, 87), *files("More", 3, 30), *files("One in many", 1, 25)]
    names = [(one.kind, one.count.name) for one in standouts(Report.of(lines, []), Rates())]
    assert names == [("artist", "More")]
    unnamed = [(one.model_copy(update={"artists": ()}), read) for one, read in lines]
    names = [(one.kind, one.count.name) for one in standouts(Report.of(unnamed, []), Rates())]
    assert names == [("folder", "More")]
