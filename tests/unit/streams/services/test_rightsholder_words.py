"""The words of a rightsholder's page."""

from datetime import date

from streams.services import rightsholder_words
from streams.services.rights_preview import Flips, Preview

PREVIEW = Preview(
    tracks=700,
    examined=500,
    different=3,
    to_review=2,
    flips=(Flips(dimension="availability", before="allow", after="hold", tracks=3),),
)


def test_a_preview_is_told_in_plain_words_of_a_language() -> None:
    first, *_, last = rightsholder_words.changes("en", PREVIEW)
    assert first == "Recordings here that it is about: 700. Decided otherwise: 3."
    assert "For 3 of them: It cannot be played for now." in rightsholder_words.changes(
        "en", PREVIEW
    )
    assert last == "A person would look at 2 of them."
    assert rightsholder_words.changes("de", PREVIEW)[0] != first
    nothing = Preview(tracks=0, examined=0, different=0, to_review=0)
    (line,) = rightsholder_words.changes("en", nothing)
    assert line.startswith("No recording here is about it now.")


def test_places_and_days_are_written_as_a_language_does() -> None:
    assert rightsholder_words.territories("en", ("DE", "NO")) == "Germany, Norway"
    assert rightsholder_words.territories("de", ("DE", "NO")) == "Deutschland, Norwegen"
    assert rightsholder_words.territories("en", ("Worldwide",)) == "Everywhere"
    first, last = date(2027, 1, 1), date(2027, 12, 31)
    assert rightsholder_words.period("en", first, None) == "from 1 January 2027 on"
    assert rightsholder_words.period("en", first, last) == (
        "from 1 January 2027 to 31 December 2027"
    )
    assert rightsholder_words.uses("en", ("cover", "train")) == (
        "Cover versions; Training of AI with it"
    )
