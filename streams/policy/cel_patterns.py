"""Regular expressions as the CEL library evaluates them: in linear time.

Python's ``re`` accepts look-arounds that CEL refuses, and takes exponential time over others.
The library imports its interactive shell (prompt_toolkit, pygments), which takes a tenth of a
second in every process that decides. An empty module stands in for the shell.
"""

import sys
from types import ModuleType
from typing import Any, Final

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

import cel  # noqa: E402  # only after its shell has a stand-in

_MATCHES: Final[Any] = cel.compile("t.matches(p)")


def finds(pattern: str, text: str) -> bool:
    """Whether a regular expression finds anything in a text.

    Raises:
        ValueError: it is none, and why.
    """
    try:
        return bool(_MATCHES.execute({"t": text, "p": pattern}))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines if line.startswith("error:")), "error: " + lines[0])
        why = reason.removeprefix("error: ").split(". Check function")[0]
        raise ValueError(f"no regular expression: {why}") from error
