"""Rules: typed conditions over the features, and the consequences where all of them hold.

One thing is built in, and no policy file can change it: a detector's score alone never
removes a track, takes its money or detaches it from its artist. A rule that could do so
does not load. What may stand behind such a consequence is a person (``requires: human``,
or a label from a reviewer or an appeal), or a source other than the detector
(provenance, a registry, the deliverer's own declaration of AI). A disclosure mismatch is
no second signal: it is the same score beside a claim.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from streams.policy.features import Declared, Features
from streams.policy.strict import Strict, fault
from streams.records import Actions, Certainty, Extent, Identifier, LabelSource, Outcome

# Consequences that take a person or a second signal, and what each is until then.
SEVERE: Final = {"availability": "takedown", "monetisation": "exclude", "profile": "detach"}
PENDING: Final = {"availability": "hold", "monetisation": "hold", "profile": "await_approval"}

HUMAN_SOURCES: Final = frozenset({LabelSource.REVIEWER, LabelSource.APPEAL})


Bound = Annotated[float, Field(allow_inf_nan=False)]


class Range(Strict):
    """Bounds, both included. A missing value is outside, unless ``or_missing`` is true."""

    min: Bound | None = None
    max: Bound | None = None
    or_missing: bool = False

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if self.min is None and self.max is None and not self.or_missing:
            raise fault((), "a range needs min, max or or_missing: without them it never holds")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise fault(("min",), f"min {self.min:g} is above max {self.max:g}: swap them")
        return self

    def holds(self, value: float | None) -> bool:
        """Whether ``value`` is inside."""
        if value is None:
            return self.or_missing
        bounded = self.min is not None or self.max is not None
        return (
            bounded
            and (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
        )


class Names(Strict):
    """Names, compared without regard to case: any of these, or none of those.

    A missing name is neither, unless ``or_missing`` is true.
    """

    any_of: tuple[Identifier, ...] = ()
    none_of: tuple[Identifier, ...] = ()
    or_missing: bool = False

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if bool(self.any_of) == bool(self.none_of):
            raise fault((), "give either any_of or none_of")
        return self

    def holds(self, name: str | None) -> bool:
        """Whether ``name`` is among any_of, or not among none_of."""
        if name is None:
            return self.or_missing
        listed = {one.casefold() for one in self.any_of or self.none_of}
        return (name.casefold() in listed) is bool(self.any_of)


OneOf = Field(min_length=1)


class When(Strict):
    """Conditions, all of which must hold. Lists are "one of these"; see ``Features``."""

    extent: Annotated[tuple[Extent, ...], OneOf] | None = None
    certainty: Annotated[tuple[Certainty, ...], OneOf] | None = None
    source: Annotated[tuple[LabelSource, ...], OneOf] | None = None
    outcome: Annotated[tuple[Outcome, ...], OneOf] | None = None
    declared: Annotated[tuple[Declared, ...], OneOf] | None = None
    licensed: bool | None = None
    disclosure_mismatch: bool | None = None
    generator: Names | None = None
    distributor: Names | None = None
    p_value: Range | None = None
    probability: Range | None = None
    coverage: Range | None = None
    duration_s: Range | None = None
    silent_share: Range | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if all(condition is None for _, condition in self):
            raise fault((), "a rule without a condition would hold for every track: add one")
        return self

    def holds(self, features: Features) -> bool:
        """Whether every condition holds."""
        for name, condition in self:
            value = getattr(features, name)
            match condition:
                case None:
                    holds = True
                case Range() | Names():
                    holds = condition.holds(value)
                case tuple():
                    holds = value in condition
                case _:
                    holds = value == condition
            if not holds:
                return False
        return True

    @property
    def beyond_the_detector(self) -> bool:
        """Whether it can only hold where something other than the detector speaks.

        A declaration of All or Partly prevails over the detector, so where one is asked
        for, the effective label is never the detector's.
        """
        return (self.source is not None and LabelSource.DETECTOR not in self.source) or (
            self.declared is not None and set(self.declared) <= {"All", "Partly"}
        )


class RuleActions(Strict, Actions):
    """What a rule does, dimension by dimension; what it leaves out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Review(Strict):
    """Which queue the task goes to; 100 is looked at first."""

    queue: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    priority: Annotated[int, Field(ge=0, le=100)]


class Rule(Strict):
    """One rule. ``priority`` orders hits and public reasons; it never weakens a rule.

    ``requires: human`` opens a review task, and a severe consequence is only pending
    (``PENDING``) until a person has decided.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: Annotated[int, Field(ge=1)]
    priority: Annotated[int, Field(ge=0, le=1_000)]
    when: When
    actions: RuleActions = RuleActions()
    reason_code: Annotated[str, StringConstraints(pattern=r"^R-[A-Z0-9-]+$", max_length=64)]
    public: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    requires: Literal["human"] | None = None
    review: Review | None = None

    @model_validator(mode="after")
    def _keeps_the_house_rules(self) -> Self:
        if self.requires and not self.review:
            raise fault(("requires",), "requires: human needs review: {queue, priority}")
        if self.review and not self.requires:
            raise fault(("review",), "a review needs requires: human beside it")
        if self.requires:
            return self
        for dimension, value in self.actions:
            at = ("actions", dimension)
            if value == PENDING.get(dimension):
                raise fault(
                    at, f"{value!r} waits for somebody: add requires: human and a review queue"
                )
            if value == SEVERE.get(dimension) and not self.when.beyond_the_detector:
                raise fault(
                    at,
                    f"{value!r} would rest on a single detector score: add requires: human, or "
                    "a condition on source without detector (a disclosure mismatch is not a "
                    "second signal)",
                )
        return self

    def consequences(self, source: LabelSource) -> Actions:
        """Return what the rule does where the effective label comes from ``source``.

        With ``requires: human`` and no person behind the label yet, what is severe is
        pending.
        """
        if not self.requires or source in HUMAN_SOURCES:
            return self.actions
        softened = {
            dimension: PENDING[dimension] if value == SEVERE.get(dimension) else value
            for dimension, value in self.actions
        }
        return Actions.model_validate(softened)
