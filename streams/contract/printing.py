"""Texts of others, written so that they only show: none moves a cursor or reorders a page.

What does not show becomes ``\\uXXXX``, which JSON reads back.
"""

import re
from typing import Final

BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks, embeddings, overrides and isolates of directions."""
HIDDEN: Final = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{BIDI}]")
CONTROL: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{BIDI}]")


def printable(text: str, keep: str = "") -> str:
    """Return text that a terminal only prints; ``keep`` are characters that stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else escaped(letter) for letter in text
    )


def on_a_page(text: str) -> str:
    """Return text for a page: line breaks and joiners stay, bidirectional controls do not."""
    return HIDDEN.sub(lambda found: escaped(found[0]), text)


def escaped(letter: str) -> str:
    """Return a character as JSON escapes it."""
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
