"""Records of people about decisions: verdicts of reviewers, and appeals.

Nothing is deleted. An undo is a verdict that names the one it revokes. An appeal is a series of
changes; the highest ``sequence`` has its state. Both may arrive late, twice and in any order.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from streams.contract.records.base import (
    Bounded,
    Event,
    Identifier,
    Moment,
    Record,
    Sha256,
    Text,
    stable_id,
)
from streams.contract.vocabulary import Component, Dimension, Extent, Finding

ReasonCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_-]*$", max_length=64)]
VerdictOutcome = Literal["confirm", "correct", "reject_flag", "insufficient_evidence", "escalate"]
Confidence = Literal["low", "medium", "high"]
LongText = Annotated[str, StringConstraints(max_length=10_000)]


class Reviewer(Record):
    """Who reviewed, by a pseudonym that only the console can resolve."""

    id: Identifier
    role: Identifier
    team: Identifier | None = None


class ReviewDecided(Event):
    """reviews.decided: a person has looked.

    ``confirm`` and ``correct`` state an ``extent``; ``reject_flag`` says that the suspicion
    was wrong and means ``None`` unless it states another; ``insufficient_evidence`` and
    ``escalate`` state nothing about the track. ``undoes`` names a verdict that no longer
    holds; where nothing takes its place the outcome is ``insufficient_evidence``. A
    verdict with ``second_review_of`` measures reviewers and changes no label.
    """  # prose: published

    verdict_id: Identifier
    task_id: Identifier
    track_id: Identifier
    upload_id: Identifier
    decision_id: Identifier
    content_sha256: Sha256 | None = None
    reviewer: Reviewer
    outcome: VerdictOutcome
    extent: Extent | None = None
    components: tuple[Component, ...] = ()
    findings: tuple[Finding, ...] = ()
    reason_codes: Annotated[tuple[ReasonCode, ...], Field(min_length=1)]
    notes: LongText | None = None
    note_public: Text | None = None
    evidence_considered: tuple[Identifier, ...] = ()
    confidence: Confidence
    time_spent_ms: Annotated[int, Field(ge=0), Bounded]
    blind: bool = False
    second_review_of: Identifier | None = None
    undoes: Identifier | None = None
    pinned_until: Moment | None = None
    training_use_allowed: bool = False
    decided_at: Moment

    @model_validator(mode="after")
    def _says_what_it_found(self) -> Self:
        if self.outcome in ("confirm", "correct") and self.extent is None:
            raise ValueError(f"outcome {self.outcome!r} needs an extent")
        if self.outcome in ("insufficient_evidence", "escalate") and self.extent is not None:
            raise ValueError(f"outcome {self.outcome!r} states no extent")
        if self.undoes == self.verdict_id:
            raise ValueError("a verdict cannot undo itself")
        return self


AppealState = Literal[
    "received",
    "admissible",
    "rejected_inadmissible",
    "in_review",
    "info_requested",
    "upheld",
    "overturned",
    "partially_overturned",
    "withdrawn",
    "external_dispute",
]
DECIDED_STATES: Final = frozenset({"upheld", "overturned", "partially_overturned"})
PENDING_STATES: Final = frozenset({"received", "admissible", "in_review", "info_requested"})


class Appellant(Record):
    """Who appeals, by a pseudonym, and what makes it their business."""

    type: Literal[
        "uploader", "artist", "label", "distributor", "rightsholder", "depicted_person", "reporter"
    ]
    id: Identifier
    standing_proof: Identifier | None = None


class AppealEvidence(Record):
    """Something that the appellant hands in."""

    type: Literal["daw_session", "stems", "c2pa", "licence", "video", "contract", "other"]
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    sha256: Sha256 | None = None
    note: Text | None = None


class AppealOutcome(Record):
    """What the appeal came to: the facts as they now stand, and why."""

    extent: Extent | None = None
    components: tuple[Component, ...] = ()
    findings: tuple[Finding, ...] = ()
    reversed_dimensions: tuple[Dimension, ...] = ()
    reasons: Annotated[LongText, StringConstraints(min_length=1)]


class AppealChanged(Event):
    """appeals.changed: an appeal was received, moved on or decided.

    Each event carries the whole appeal. ``upheld`` means that the decision stands.
    ``overturned`` and ``partially_overturned`` state an extent or findings, which prevail
    over every other label. ``interim_relief`` lifts consequences, not labels, while the
    appeal is open.
    """

    change_id: Identifier
    appeal_id: Identifier
    sequence: Annotated[int, Field(ge=0), Bounded]
    track_id: Identifier
    upload_id: Identifier
    decision_id: Identifier
    content_sha256: Sha256 | None = None
    statement_id: Identifier | None = None
    appellant: Appellant
    state: AppealState
    grounds: Literal[
        "not_ai",
        "partly_ai",
        "licensed",
        "not_impersonation",
        "wrong_party",
        "wrong_territory",
        "procedural",
    ]
    statement: LongText
    evidence: tuple[AppealEvidence, ...] = ()
    received_at: Moment
    window_ends_at: Moment
    interim_relief: bool = False
    task_id: Identifier | None = None
    assigned_to: Identifier | None = None
    outcome: AppealOutcome | None = None
    changed_by: Identifier
    changed_at: Moment

    @model_validator(mode="after")
    def _is_decided_by_its_outcome(self) -> Self:
        decided = self.state in DECIDED_STATES
        if decided is not (self.outcome is not None):
            raise ValueError(f"state {self.state!r} {'needs' if decided else 'has no'} outcome")
        outcome = self.outcome if self.state != "upheld" else None
        if outcome is not None and outcome.extent is None and not outcome.findings:
            raise ValueError(f"state {self.state!r} needs an extent or findings")
        return self


def appeal_id(decision_id: str, appellant_id: str, received_at: Moment) -> str:
    """Return the id of an appeal."""
    return stable_id("apl", decision_id, appellant_id, received_at.isoformat())


def appeal_change_id(appeal: str, sequence: int) -> str:
    """Return the id of one change of an appeal."""
    return stable_id("apc", appeal, str(sequence))
