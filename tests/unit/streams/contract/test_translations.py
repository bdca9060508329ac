"""Texts by language: every catalogue is whole, and no placeholder is lost."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from deploy import languages as extraction
from streams.contract import translations
from streams.contract.translations import best_language, catalogue, day, languages, translated

TRANSLATED = [language for language in languages() if language != "en"]
NAMES = re.compile(r"\{\w+\}|%\(\w+\)s|<[^>]+>")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_with_its_placeholders(language: str) -> None:
    whole = extraction.catalogues()[translations.FOLDER / f"{language}.po"]
    messages = [one for one in read_po(whole.splitlines(keepends=True)) if one.id]
    assert len(messages) > 25
    assert [one.id for one in messages if not one.string or one.fuzzy] == []
    for message in messages:
        names = [sorted(NAMES.findall(str(text))) for text in (message.id, message.string)]
        assert names[0] == names[1], message.id


def test_a_text_is_returned_in_a_language_or_in_english() -> None:
    assert translated("de", "worldwide") == "weltweit"
    assert translated("en", "worldwide") == translated("xx", "worldwide") == "worldwide"
    assert translated("de", "in {places}", places="DE") == "in DE"
    assert translated("de", "") == "", "the header of a catalogue is no text"
    assert catalogue("de") is catalogue("de")


def test_a_day_is_written_as_each_language_does() -> None:
    at = datetime(2027, 5, 3, tzinfo=UTC)
    assert (day("en", at), day("de", at), day("xx", at)) == (
        *("3 May 2027", "03.05.2027"),
        "3 May 2027",
    )


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr,de;q=0.4,en;q=0.5", "en"),
        ("en-GB", "en"),
        ("de;q=0", "en"),
        ("", "en"),
        ("xx;q=hostile,,;;q=1", "en"),
        ("de," * 10_000, "de"),
    ],
)
def test_the_language_is_the_one_that_a_browser_prefers(accepted: str, language: str) -> None:
    assert best_language(accepted) == language


def test_a_new_language_begins_with_every_text_and_falls_back_to_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "FOLDER", tmp_path)
    path = extraction.begin("fr")
    assert 'msgid "worldwide"\nmsgstr ""' in path.read_text()
    for wrong in ("fr", "no language", "../de"):
        with pytest.raises(SystemExit):
            extraction.begin(wrong)
