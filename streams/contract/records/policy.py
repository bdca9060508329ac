"""What happens around decisions: tracks to decide again, rules on trial, policies released."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from streams.contract.records.base import Event, Identifier, Moment, Record
from streams.contract.records.decisions import Actions, Cause, RuleHit
from streams.contract.records.labels import PolicyRef
from streams.contract.vocabulary import Dimension


class TrackReopened(Event):
    """tracks.reopened: something changed that may change what was decided about a track.

    It carries no facts: whoever decides again reads the latest ones, so that a request which
    comes late or twice does no harm. ``force``: also where only policy or model differ.
    """  # prose: published

    track_id: Identifier
    upload_id: Identifier | None = None
    cause: Cause
    force: bool = False


class PolicyShadowed(Event):
    """policies.shadowed: what rules on trial would have done. The catalogue never sees it."""

    shadow_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    policy: PolicyRef
    rules: tuple[RuleHit, ...]
    actions: Actions
    would_be: Actions
    changed_dimensions: tuple[Dimension, ...] = ()
    would_review: bool = False
    distributor: Identifier | None = None
    features: dict[str, Any] = Field(default_factory=dict)


class PolicyChanged(Event):
    """policies.changed: a bundle is proposed, approved or withdrawn, or a rule is switched.

    Each event carries what it is about in full, so that the latest by ``changed_at`` speaks.
    ``live`` is a bundle that workers decide by; ``proposed`` waits for a second person.
    A switched rule stays off, whatever the bundle says, until it is switched on again.
    """  # prose: published

    change_id: Identifier
    kind: Literal["bundle", "rule"]
    policy: PolicyRef
    state: Literal["proposed", "live", "withdrawn", "tripped", "killed", "on"]
    text: Annotated[str, StringConstraints(max_length=600_000)] | None = None
    rule_id: Identifier | None = None
    approved_by: tuple[Identifier, ...] = ()
    why: Annotated[str, StringConstraints(max_length=2_000)] = ""
    changed_by: Identifier
    changed_at: Moment

    @property
    def key(self) -> str:
        """The Kafka key: changes of one policy keep their order."""
        return self.policy.name

    @model_validator(mode="after")
    def _says_all_of_it(self) -> Self:
        if self.kind == "bundle" and self.text is None and self.state != "withdrawn":
            raise ValueError("a bundle comes with its text")
        if self.kind == "rule" and self.rule_id is None:
            raise ValueError("a switched rule needs its rule_id")
        return self


class Redress(Record):
    """How to object, and until when."""

    internal_url: str
    deadline: Moment
    out_of_court: str
    courts: str


class StatementWritten(Event):
    """statements.written: a statement of reasons (DSA Article 17) for one restriction.

    ``fields`` holds the Transparency Database's own field names; ``texts`` what the recipient
    reads, by language. Submission to the database is somebody else's act.
    """  # prose: published

    statement_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    recipient: Identifier | None = None
    fields: dict[str, Any]
    texts: dict[str, str]
    redress: Redress
    replaces: Identifier | None = None
    policy: PolicyRef
