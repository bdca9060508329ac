"""The classes of a match, each with its sentence. Apart from the thresholds: no numpy needed."""

from enum import StrEnum
from typing import Self


class MatchClass(StrEnum):
    """How a recording is known, strongest first."""

    sentence: str
    meaning: str
    """For the glossary: what the two have in common."""
    account: str
    """For a reviewer: how a track is the known one, with the figures of their alignment."""
    covers_all: bool
    """Whether the known recording is the whole of the other, however long they overlap."""
    is_part: bool
    """Whether one recording holds but a part of the other, so that they are no duplicates."""

    def __new__(
        cls,
        value: str,
        sentence: str,
        meaning: str = "",
        account: str = "",
        covers_all: bool = False,
        is_part: bool = False,
    ) -> Self:
        """Return a member with what it means."""
        member = str.__new__(cls, value)
        member._value_, member.sentence, member.meaning = value, sentence, meaning
        member.account, member.covers_all, member.is_part = account, covers_all, is_part
        return member

    EXACT = (
        *("exact", "the same audio"),
        "the same bytes, or the same decoded samples in another lossless form",
        *("The same audio as {name}.", True),
    )
    NEAR_DUPLICATE = (
        *("near_duplicate", "the same recording"),
        "the same recording from end to end: re-encoded, equalised, noisy, trimmed by less than "
        "15 %",
        *("The same recording as {name}, in another form: {agreement}.", True),
    )
    CONTAINED = (
        *("contained", "a part of it is the same"),
        "at least ten seconds in common: an excerpt, a medley, an added intro",
        "{overlap} of this track, from {start} on, are in {name}, from {known_start} on: "
        "{agreement}.",
        *(False, True),
    )
    SPED_UP = (
        *("sped_up", "the same at another speed or pitch"),
        "in common at another speed or pitch (up to 8 %)",
        "{overlap} of this track are {name}, played {tempo} in tempo and {pitch} in pitch: "
        "{agreement}.",
    )
    NONE = "none", "no known recording"
