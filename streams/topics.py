"""Topic names, in the order in which an upload meets them. The key is always track_id."""

from typing import Final

UPLOADED: Final = "tracks.uploaded"
FINGERPRINTED: Final = "tracks.fingerprinted"
CLASSIFIED: Final = "tracks.classified"
LABELLED: Final = "tracks.labelled"
DECIDED: Final = "tracks.decided"
REVIEWS_REQUESTED: Final = "reviews.requested"
DECISIONS_APPLIED: Final = "decisions.applied"

EVENTS: Final = (
    UPLOADED,
    FINGERPRINTED,
    CLASSIFIED,
    LABELLED,
    DECIDED,
    REVIEWS_REQUESTED,
    DECISIONS_APPLIED,
)

DEAD_SUFFIX: Final = ".dead"


def dead(topic: str) -> str:
    """Name of the dead-letter topic of ``topic``."""
    return topic + DEAD_SUFFIX


DEAD: Final = tuple(dead(topic) for topic in EVENTS)
ALL: Final = EVENTS + DEAD
