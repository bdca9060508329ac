"""The registry of topics, in the order in which an upload meets them.

A topic is declared here and nowhere else: schemas, the AsyncAPI document, the plan of topics,
projections, ``ledger verify``, rebuilding and replaying derive from it.
"""

from dataclasses import dataclass
from typing import Final

from streams.contract.records import (
    DecisionApplied,
    Record,
    ReviewRequested,
    TrackClassified,
    TrackDecided,
    TrackFingerprinted,
    TrackLabelled,
    UploadReceived,
)
from streams.contract.records.policy import (
    PolicyChanged,
    PolicyShadowed,
    StatementWritten,
    TrackReopened,
)
from streams.contract.records.rescoring import TrackRescored, TrackRescoring
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import CreditsDerived, RightsChanged, UsageAttributed

UPLOADED: Final = "tracks.uploaded"
FINGERPRINTED: Final = "tracks.fingerprinted"
CLASSIFIED: Final = "tracks.classified"
LABELLED: Final = "tracks.labelled"
DECIDED: Final = "tracks.decided"
REVIEWS_REQUESTED: Final = "reviews.requested"
DECISIONS_APPLIED: Final = "decisions.applied"
REVIEWS_DECIDED: Final = "reviews.decided"
APPEALS_CHANGED: Final = "appeals.changed"
RIGHTS_CHANGED: Final = "rights.changed"
POLICIES_CHANGED: Final = "policies.changed"
REOPENED: Final = "tracks.reopened"
RESCORING: Final = "tracks.rescoring"
RESCORED: Final = "tracks.rescored"
POLICIES_SHADOWED: Final = "policies.shadowed"
STATEMENTS_WRITTEN: Final = "statements.written"
USAGE_ATTRIBUTED: Final = "compensation.usage_attributed"
CREDITS_DERIVED: Final = "credits.derived"

DECIDING: Final = ("decide", "redecide")
ENTRY_KEY: Final = "entry_id: versions of an entry keep their order"
POLICY_KEY: Final = "name of the policy: its changes keep their order"


@dataclass(frozen=True)
class Topic:
    """One topic of events.

    ``key`` names the field that is the message key, and what the key keeps in order.
    ``written_by``: processes (``streams.contract.processes``); they get the right on the broker.
    """

    name: str
    record: type[Record]
    key: str = "track_id: what is about one track keeps its order"
    for_ever: bool = False  # retention is unlimited: small, and worth keeping
    received: bool = False  # other systems also write it
    written_by: tuple[str, ...] = ()


TOPICS: Final = (
    Topic(UPLOADED, UploadReceived, received=True),
    Topic(FINGERPRINTED, TrackFingerprinted, written_by=("fingerprint",)),
    Topic(CLASSIFIED, TrackClassified, written_by=("classify", "rescore")),
    Topic(LABELLED, TrackLabelled, written_by=DECIDING),
    Topic(DECIDED, TrackDecided, written_by=DECIDING),
    Topic(REVIEWS_REQUESTED, ReviewRequested, written_by=DECIDING),
    Topic(DECISIONS_APPLIED, DecisionApplied, received=True, written_by=("catalogue",)),
    Topic(REVIEWS_DECIDED, ReviewDecided, for_ever=True),
    Topic(APPEALS_CHANGED, AppealChanged, for_ever=True),
    Topic(RIGHTS_CHANGED, RightsChanged, ENTRY_KEY, for_ever=True, received=True),
    Topic(POLICIES_CHANGED, PolicyChanged, POLICY_KEY, for_ever=True, written_by=("decide",)),
    Topic(REOPENED, TrackReopened, written_by=("redecide", "ledger")),
    Topic(RESCORING, TrackRescoring),
    Topic(RESCORED, TrackRescored, written_by=("rescore",)),
    Topic(POLICIES_SHADOWED, PolicyShadowed, written_by=DECIDING),
    Topic(STATEMENTS_WRITTEN, StatementWritten, written_by=DECIDING),
    Topic(USAGE_ATTRIBUTED, UsageAttributed, written_by=DECIDING),
    Topic(CREDITS_DERIVED, CreditsDerived, written_by=DECIDING),
)
RECORDS: Final[dict[str, type[Record]]] = {topic.name: topic.record for topic in TOPICS}
DEAD_SUFFIX: Final = ".dead"


def dead(topic: str) -> str:
    """Return the name of the dead-letter topic of ``topic``."""
    return topic + DEAD_SUFFIX


EVENTS: Final = tuple(RECORDS)
DEAD: Final = tuple(map(dead, EVENTS))
ALL: Final = EVENTS + DEAD
FOR_EVER: Final = tuple(topic.name for topic in TOPICS if topic.for_ever)
