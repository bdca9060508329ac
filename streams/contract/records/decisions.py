"""What the platform does with a track, what a person must look at, what the catalogue answers."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from streams.contract.records.analyses import Analysis, ModelRef
from streams.contract.records.base import (
    Event,
    Identifier,
    Moment,
    Record,
    Sha256,
    Territory,
    Whole,
    Word,
)
from streams.contract.records.fingerprints import Match
from streams.contract.records.labels import Label, PolicyRef
from streams.contract.vocabulary import NEUTRAL, Dimension, action

Automation = Literal["fully", "partially", "none"]
Purpose = Literal["licence", "generator", "derivative", "voice"]


class Actions(Record):
    """What the platform does, dimension by dimension."""

    display: Annotated[str, action("display")] = NEUTRAL["display"]
    recommendation: Annotated[str, action("recommendation")] = NEUTRAL["recommendation"]
    availability: Annotated[str, action("availability")] = NEUTRAL["availability"]
    monetisation: Annotated[str, action("monetisation")] = NEUTRAL["monetisation"]
    profile: Annotated[str, action("profile")] = NEUTRAL["profile"]

    def differences(self, other: "Actions") -> tuple[Dimension, ...]:
        """Return the dimensions in which the two differ."""
        return tuple(name for name in NEUTRAL if getattr(self, name) != getattr(other, name))


class RuleHit(Record):
    """One rule that matched, in order of evaluation.

    ``pending``: it waits for a person, and what it does until then is the milder action.
    """

    rule_id: Word
    rule_version: Whole
    reason_code: str
    mode: Literal["live", "canary", "shadow"] = "live"
    pending: bool = False


class Term(Record):
    """One consequence: in which dimension and territories, from when until when, and why."""

    dimension: Dimension
    value: str
    territories: tuple[Territory, ...]
    starts_at: Moment
    ends_at: Moment | None = None
    automation: Automation
    rule_id: str
    reason_code: str


class TerritorialActions(Record):
    """What holds in some territories instead of ``TrackDecided.actions``."""

    territories: tuple[Territory, ...]
    actions: Actions
    licensed: bool = False


class RightsUsed(Record):
    """A registry entry that a decision rests on, in the version that it saw."""

    entry_id: Identifier
    version: Whole
    agreement_id: Identifier | None = None
    purpose: Purpose
    status: str


class Cause(Record):
    """Why a track was decided again."""

    kind: Literal["verdict", "appeal", "rights", "expiry", "policy", "model", "operator"]
    id: Identifier
    version: Whole | None = None


class TrackDecided(Event):
    """tracks.decided: the consequences that the catalogue applies.

    ``actions`` hold wherever ``territorial`` says nothing else; ``terms`` spell out every
    consequence with its dates. ``features`` is the snapshot that the rules saw (of the
    territories for which ``actions`` hold): with ``policy.digest`` it replays the decision.
    ``facts_digest`` names what people and registries had said; null: nothing.
    ``reconsider_at`` is when one of those facts ends or begins. ``matches`` are the known
    recordings that this one is, with their sentences.
    """  # prose: published

    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    uploaded_at: Moment
    analysis: Analysis
    label: Label
    actions: Actions
    rules: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    review_task_id: str | None = None
    automation: Automation = "fully"
    model: ModelRef
    policy: PolicyRef
    territorial: tuple[TerritorialActions, ...] = ()
    terms: tuple[Term, ...] = ()
    reasons_internal: tuple[str, ...] = ()
    rights: tuple[RightsUsed, ...] = ()
    verdict_id: Identifier | None = None
    appeal_id: Identifier | None = None
    overrides: tuple[str, ...] = ()
    missing_signals: tuple[str, ...] = ()
    cause: Cause | None = None
    previous_decision_id: Identifier | None = None
    changed_dimensions: tuple[Dimension, ...] = ()
    facts_digest: Sha256 | None = None
    features: dict[str, Any] = Field(default_factory=dict)
    reconsider_at: Moment | None = None
    statement_id: Identifier | None = None
    matches: tuple[Match, ...] = ()


class ReviewRequested(Event):
    """reviews.requested: a person must look."""

    task_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    queue: Word
    priority: Annotated[int, Field(ge=0, le=100)]
    reason_codes: tuple[str, ...]
    requested_for: Moment
    sample: bool = False  # a sample of what went by itself, to measure it
    model: ModelRef
    policy: PolicyRef


class DecisionApplied(Event):
    """decisions.applied: the catalogue says what it did with a decision."""  # prose: published

    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    result: Literal["applied", "already_applied", "stale"]

    @model_validator(mode="after")
    def _ids_agree(self) -> Self:
        if not self.decision_id.startswith("dec_"):
            raise ValueError("decision_id must start with dec_")
        return self
