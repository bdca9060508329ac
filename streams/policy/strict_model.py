"""The base of everything that a policy file may contain: frozen, and no unknown keys.

A misspelt key in a policy is a rule that silently does less than its author believes, so
it is an error that names the key and its neighbours.
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
    """Refuses unknown keys, and says which ones there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise fault((key,), _unknown(str(key), sorted(cls.model_fields)))
        return values


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    return f"unknown key {key!r}; {advice}"
