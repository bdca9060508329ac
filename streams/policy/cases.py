"""Inline tests of a policy: a few features, and what is expected. A bundle must pass its own."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from streams.contract.records import Actions
from streams.policy.strict_model import Strict

NOBODY = "none"  # as a review: nobody is asked to look


class Expect(Strict):
    """What is expected; what is not named may be anything.

    ``review`` is a queue, or ``none``. ``matched`` are all rules that act, ``shadow`` all
    that are on trial and hold, in any order; ``would_be`` what those would change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    display: str | None = None
    recommendation: str | None = None
    availability: str | None = None
    monetisation: str | None = None
    profile: str | None = None
    review: str | None = None
    matched: tuple[str, ...] | None = None
    shadow: tuple[str, ...] | None = None
    would_be: dict[str, str] = Field(default_factory=dict)


class Case(Strict):
    """One inline test. ``given`` holds features, flat or nested; the rest is unknown."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    given: dict[str, Any]
    overrides: tuple[str, ...] = ()
    expect: Expect


DIMENSIONS = tuple(Actions.model_fields)
