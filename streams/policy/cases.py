"""Inline tests of a policy: a few features, and the expected result. A bundle must pass its own."""

from typing import Annotated, Any

from pydantic import StringConstraints

from streams.contract.vocabulary import DIMENSIONS
from streams.policy.rules import RuleActions
from streams.policy.strict_model import Strict

NO_REVIEW = "none"  # as a review: no task is opened


class Expect(RuleActions):
    """The expected result; a dimension or field that is not named may be anything.

    ``review`` is a queue, or ``none``. ``matched`` are all rules that act, ``shadow`` all
    that are on trial and hold, in any order; ``would_be`` what those would change.
    """

    review: str | None = None
    matched: tuple[str, ...] | None = None
    shadow: tuple[str, ...] | None = None
    would_be: RuleActions = RuleActions()


class Case(Strict):
    """One inline test. ``given`` holds features, flat or nested; the rest is unknown."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    given: dict[str, Any]  # prose: the key of a policy file
    overrides: tuple[str, ...] = ()
    expect: Expect


def expected_actions(expect: RuleActions) -> dict[str, str]:
    """Return the dimensions that a test names, with the value of each."""
    return {name: getattr(expect, name) for name in DIMENSIONS if name in expect.model_fields_set}
