"""The base of everything that a policy file may contain: frozen, and no unknown keys.

With a misspelt key, a rule silently does less than its author believes. It is an error that
names the key and its neighbours.
"""

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MISPLACED = "misplaced"  # error type whose ctx["at"] leads on from the error's location


def fault(at: tuple[str | int, ...], message: str) -> PydanticCustomError:
    """Return a validation error that points at ``at``, relative to where it is raised."""
    return PydanticCustomError(MISPLACED, "{message}", {"at": at, "message": message})


class Strict(BaseModel):
    """Refuses unknown keys, and names the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        known = sorted(cls.model_fields)
        for key in values if isinstance(values, dict) else ():
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
                raise fault((key,), f"unknown key {str(key)!r}; {advice}")
        return values
