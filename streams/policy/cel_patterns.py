"""Regular expressions as the CEL library reads them, and nobody else: in linear time.

Python's own would accept look-arounds that the library refuses when a track comes, and take
for ever over others.
"""

from typing import Any, Final

from streams.policy.cel import cel

_MATCHES: Final[Any] = cel.compile("t.matches(p)")


class NoPattern(ValueError):
    """A text is no regular expression; the message says why."""


def finds(pattern: str, text: str) -> bool:
    """Whether a regular expression finds anything in a text.

    Raises:
        NoPattern: it is none.
    """
    try:
        return bool(_MATCHES.execute(cel.Context({"t": text, "p": pattern})))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines if line.startswith("error:")), "error: " + lines[0])
        why = reason.removeprefix("error: ").split(". Check function")[0]
        raise NoPattern(f"no regular expression: {why}") from error
