"""The classes of a match, each with its sentence. Apart from the thresholds: no numpy needed."""

from enum import StrEnum
from typing import Self


class MatchClass(StrEnum):
    """How a recording is known, strongest first."""

    sentence: str
    covers_all: bool
    """Whether the known recording is the whole of the other, however long they overlap."""

    def __new__(cls, value: str, sentence: str, covers_all: bool = False) -> Self:
        """Return a member with what it means."""
        member = str.__new__(cls, value)
        member._value_, member.sentence, member.covers_all = value, sentence, covers_all
        return member

    EXACT = "exact", "the same audio", True
    NEAR_DUPLICATE = "near_duplicate", "the same recording", True
    CONTAINED = "contained", "a part of it is the same"
    SPED_UP = "sped_up", "the same at another speed or pitch"
    NONE = "none", "no known recording"
