"""Sets of territories: some, or all but some."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Places:
    """The territories of ``codes``, or with ``everywhere_else`` all others; in their order."""

    codes: tuple[str, ...] = ()
    everywhere_else: bool = False

    def __or__(self, other: "Places") -> "Places":
        """Return the territories of either."""
        if not self.everywhere_else and not other.everywhere_else:
            return Places(tuple(dict.fromkeys(self.codes + other.codes)))
        if self.everywhere_else and other.everywhere_else:
            return Places(tuple(code for code in self.codes if code in other.codes), True)
        most, some = (self, other) if self.everywhere_else else (other, self)
        return Places(tuple(code for code in most.codes if code not in some.codes), True)

    def __invert__(self) -> "Places":
        """Return all other territories."""
        return Places(self.codes, not self.everywhere_else)

    def __str__(self) -> str:
        """Return them as words."""
        codes = ", ".join(self.codes)
        if not self.everywhere_else:
            return codes or "nowhere"
        return f"everywhere but {codes}" if codes else "everywhere"

    def as_codes(self) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """Return the territories of an upload, and those left out; None: none are."""
        return (("Worldwide",), self.codes or None) if self.everywhere_else else (self.codes, None)

    def as_data(self) -> dict[str, Any]:
        """Return them for JSON."""
        territories, excluded = self.as_codes()
        return {"territories": territories, "excluded_territories": excluded or ()}


NOWHERE = Places()
WORLD = Places((), True)


def without(places: Places, others: Places) -> Places:
    """Return ``places`` without those of ``others``."""
    return ~(~places | others)
