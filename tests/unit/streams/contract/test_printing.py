"""Texts of others on terminals and pages."""

from typing import Any

import orjson
import pytest

from streams.contract.printing import BIDI, HIDDEN, escaped, on_a_page, printable


@pytest.mark.parametrize("text", ["a\nb\tc", "שלום", "مرحبا", "a\u200db", "a\xa0b", ""])
def test_writing_of_any_direction_stays(text: str) -> None:
    """Joiners too: they make one sign of several."""
    assert on_a_page(text) == text


def test_what_reorders_a_page_is_shown_instead() -> None:
    assert on_a_page("a\u202eb\0") == "a\\u202eb\\u0000"
    for place in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        assert HIDDEN.fullmatch(chr(place))
        assert on_a_page(chr(place)) == f"\\u{place:04x}"
    assert len(BIDI) == 9


def test_a_terminal_gets_nothing_but_text() -> None:
    assert printable("a\U000e0041\n", "\n") == "a\\udb40\\udc41\n"
    assert printable("a\nb") == "a\\u000ab"
    assert printable("Löwe 獅子 🦁") == "Löwe 獅子 🦁"
    assert escaped("\ud800") == "\\ud800"


def test_json_is_the_same_when_it_is_read_back() -> None:
    facts: dict[str, Any] = {"a\u202e": "\x1b\U000e0041 ü \xa0 \\"}
    assert orjson.loads(printable(orjson.dumps(facts).decode())) == facts
