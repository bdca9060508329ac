"""How far an upload is, from the rows that it has in the ledger."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, literal, select, union_all

from streams.ledger.tables import (
    ANALYSES,
    DEAD_LETTERS,
    DECISIONS,
    FINGERPRINTS,
    UPLOADS,
)
from streams.records import TrackDecided, parse

Stage = Literal["received", "fingerprinted", "classified", "decided", "dead_letter"]
ROWS: Final = {
    "received": UPLOADS,
    "fingerprinted": FINGERPRINTS,
    "classified": ANALYSES,
    "decided": DECISIONS,
    "dead_letter": DEAD_LETTERS,
}


@dataclass(frozen=True)
class Progress:
    """Where an upload stands; ``decision`` once there is one, ``failure`` where it died."""

    upload_id: str
    track_id: str
    status: Stage
    decision: TrackDecided | None = None
    failure: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come by itself."""
        return self.status in ("decided", "dead_letter")


def progress_of(connection: Connection, upload_id: str) -> Progress | None:
    """Return how far an upload is; None where the ledger knows nothing of it."""
    parts = [
        select(literal(name).label("stage"), table.c.track_id).where(table.c.upload_id == upload_id)
        for name, table in ROWS.items()
    ]
    found = {row.stage: row.track_id for row in connection.execute(union_all(*parts))}
    if not found:
        return None
    track_id = next(iter(found.values())) or ""
    if "decided" in found:
        question = select(DECISIONS.c.record).where(DECISIONS.c.upload_id == upload_id)
        text = connection.scalars(
            question.order_by(DECISIONS.c.recorded_at.desc(), DECISIONS.c.decision_id).limit(1)
        ).one()
        return Progress(upload_id, track_id, "decided", parse(TrackDecided, text.encode()))
    if "dead_letter" in found:
        columns = (DEAD_LETTERS.c.dead_letter_id, DEAD_LETTERS.c.reason, DEAD_LETTERS.c.detail)
        question = select(*columns).where(DEAD_LETTERS.c.upload_id == upload_id)
        row = connection.execute(
            question.order_by(DEAD_LETTERS.c.recorded_at.desc()).limit(1)
        ).one()
        return Progress(upload_id, track_id, "dead_letter", failure=dict(row._mapping))
    stage: Stage = next(
        name for name in ("classified", "fingerprinted", "received") if name in found
    )
    return Progress(upload_id, track_id, stage)
