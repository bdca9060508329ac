"""Records of decide: labels (facts), decisions (consequences), tasks; the catalogue's answer."""

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from streams.contract.records.analyses import Analysis, ModelRef
from streams.contract.records.base import (
    Identifier,
    Record,
    Sha256,
    Territory,
)
from streams.contract.records.fingerprints import Match
from streams.contract.vocabulary import (
    NEUTRAL,
    Certainty,
    Component,
    Contains,
    Dimension,
    Extent,
    LabelSource,
    action,
)


class Label(Record):
    """A fact about a recording: what it is, how sure we are, who says so."""

    label_id: Identifier
    subject: Literal["recording", "artwork"] = "recording"
    extent: Extent
    components: tuple[Component, ...] = ()
    certainty: Certainty
    source: LabelSource
    generator: str | None = None
    agreement_id: str | None = None
    licensed: bool = False
    neg: bool = False
    origin: Identifier | None = None  # the verdict, appeal or registry entry behind it
    asserted_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None


class LabelMappings(Record):
    """The prevailing label in the words of others; see ``streams.policy.mappings``."""

    ddex_contains_ai: Contains | None = None
    iptc_digital_source_type: str | None = None
    gb45438: Literal["1", "2", "3"] | None = None
    eu_icon: Literal["fully_ai", "partially_ai", "deepfake"] | None = None
    apple_tags: tuple[Literal["artwork", "track", "composition", "music_video"], ...] = ()


class PolicyRef(Record):
    """Which policy decided: digest is SHA-256 over its canonical content."""

    name: str
    version: str
    digest: Sha256


class TrackLabelled(Record):
    """tracks.labelled: all labels of one analysis, and the one that prevails."""

    schema_version: Literal[1] = 1
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    analysis_id: Identifier
    model: ModelRef
    policy: PolicyRef
    labels: tuple[Label, ...]
    effective: Label
    artwork: Label | None = None
    mappings: LabelMappings | None = None


class Actions(Record):
    """What the platform does, dimension by dimension (domain: separate end dates later)."""

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

    rule_id: str
    rule_version: int
    reason_code: str
    mode: Literal["live", "canary", "shadow"] = "live"
    pending: bool = False


class Term(Record):
    """One consequence: in which dimension and territories, from when until when, and why."""

    dimension: Dimension
    value: str
    territories: tuple[Territory, ...]
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    automation: Literal["fully", "partially", "none"]
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
    version: int
    agreement_id: Identifier | None = None
    purpose: Literal["licence", "generator", "derivative", "voice"]
    status: str


class Cause(Record):
    """Why a track was decided again."""

    kind: Literal["verdict", "appeal", "rights", "expiry", "policy", "model", "operator"]
    id: Identifier
    version: int | None = None


class TrackDecided(Record):
    """tracks.decided: the consequences that the catalogue applies.

    ``actions`` hold wherever ``territorial`` says nothing else; ``terms`` spell out every
    consequence with its dates. ``features`` is the snapshot that the rules saw (of the
    territories for which ``actions`` hold): with ``policy.digest`` it replays the decision.
    ``facts_digest`` names what people and registries had said; null: nothing.
    ``reconsider_at`` is when one of those facts ends or begins. ``matches`` are the known
    recordings that this one is, with their sentences.
    """

    schema_version: Literal[1] = 1
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    uploaded_at: AwareDatetime
    analysis: Analysis
    label: Label
    actions: Actions
    rules: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    review_task_id: str | None = None
    automation: Literal["fully", "partially", "none"] = "fully"
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
    reconsider_at: AwareDatetime | None = None
    statement_id: Identifier | None = None
    matches: tuple[Match, ...] = ()


class ReviewRequested(Record):
    """reviews.requested: a person must look."""

    schema_version: Literal[1] = 1
    task_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    queue: str
    priority: Annotated[int, Field(ge=0, le=100)]
    reason_codes: tuple[str, ...]
    requested_for: AwareDatetime
    sample: bool = False  # a sample of what went by itself, to measure it
    model: ModelRef
    policy: PolicyRef


class DecisionApplied(Record):
    """decisions.applied: the catalogue says what it did with a decision."""

    schema_version: Literal[1] = 1
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    result: Literal["applied", "already_applied", "stale"]

    @model_validator(mode="after")
    def _ids_agree(self) -> Self:
        if not self.decision_id.startswith("dec_"):
            raise ValueError("decision_id must start with dec_")
        return self
