"""The classes of a match, each with its sentence. Apart from the thresholds: no numpy needed."""

from enum import StrEnum
from typing import Self


class MatchClass(StrEnum):
    """How a recording is known, strongest first."""

    sentence: str
    account: str
    """For a reviewer: how a track is the known one, with the figures of their alignment."""
    covers_all: bool
    """Whether the known recording is the whole of the other, however long they overlap."""

    def __new__(
        cls, value: str, sentence: str, account: str = "", covers_all: bool = False
    ) -> Self:
        """Return a member with what it means."""
        member = str.__new__(cls, value)
        member._value_, member.sentence = value, sentence
        member.account, member.covers_all = account, covers_all
        return member

    EXACT = "exact", "the same audio", "The same audio as {name}.", True
    NEAR_DUPLICATE = (
        *("near_duplicate", "the same recording"),
        *("The same recording as {name}, in another form: {agreement}.", True),
    )
    CONTAINED = (
        *("contained", "a part of it is the same"),
        "{overlap} of this track, from {start} on, are in {name}, from {known_start} on: "
        "{agreement}.",
    )
    SPED_UP = (
        *("sped_up", "the same at another speed or pitch"),
        "{overlap} of this track are {name}, played {tempo} in tempo and {pitch} in pitch: "
        "{agreement}.",
    )
    NONE = "none", "no known recording"
