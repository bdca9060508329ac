"""Topic names, in the order in which an upload meets them. The key is track_id, of the rights
registry entry_id, of policies their name."""

from typing import Final

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
POLICIES_SHADOWED: Final = "policies.shadowed"
STATEMENTS_WRITTEN: Final = "statements.written"
USAGE_ATTRIBUTED: Final = "compensation.usage_attributed"
CREDITS_DERIVED: Final = "credits.derived"

EVENTS: Final = (
    UPLOADED,
    FINGERPRINTED,
    CLASSIFIED,
    LABELLED,
    DECIDED,
    REVIEWS_REQUESTED,
    DECISIONS_APPLIED,
    REVIEWS_DECIDED,
    APPEALS_CHANGED,
    RIGHTS_CHANGED,
    POLICIES_CHANGED,
    REOPENED,
    POLICIES_SHADOWED,
    STATEMENTS_WRITTEN,
    USAGE_ATTRIBUTED,
    CREDITS_DERIVED,
)

DEAD_SUFFIX: Final = ".dead"


def dead(topic: str) -> str:
    """Name of the dead-letter topic of ``topic``."""
    return topic + DEAD_SUFFIX


DEAD: Final = tuple(dead(topic) for topic in EVENTS)
ALL: Final = EVENTS + DEAD
# What people decided and agreed: small, and worth keeping for ever.
KEPT: Final = (REVIEWS_DECIDED, APPEALS_CHANGED, RIGHTS_CHANGED, POLICIES_CHANGED)
