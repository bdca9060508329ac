"""The classes of a match, each with its sentence. Apart from the thresholds: it needs no numpy."""

from enum import StrEnum
from typing import Self


class MatchClass(StrEnum):
    """How a recording is known, strongest first."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        """Return a member with what it means."""
        member = str.__new__(cls, value)
        member._value_, member.sentence = value, sentence
        return member

    EXACT = "exact", "the same audio"
    NEAR_DUPLICATE = "near_duplicate", "the same recording"
    CONTAINED = "contained", "a part of it is the same"
    SPED_UP = "sped_up", "the same at another speed or pitch"
    NONE = "none", "no known recording"
