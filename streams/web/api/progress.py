"""How far an upload is, from the rows that it has in the ledger."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, literal, select, union_all

from streams.contract.records import TrackDecided, parse
from streams.store.account_tables import AUDIT
from streams.store.tables import ANALYSES, DECISIONS, FINGERPRINTS, UPLOADS
from streams.store.tables import DEAD_LETTER_ACTIONS as ACTIONS
from streams.store.tables import DEAD_LETTERS as LETTERS

Stage = Literal["received", "fingerprinted", "classified", "decided", "dead_letter"]
ROWS: Final = {
    "received": UPLOADS,
    "fingerprinted": FINGERPRINTS,
    "classified": ANALYSES,
    "decided": DECISIONS,
    "dead_letter": LETTERS,
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
    if "dead_letter" in found and (failure := _failure(connection, upload_id)) is not None:
        return Progress(upload_id, track_id, "dead_letter", failure=failure)
    stage: Stage = next(
        (name for name in ("classified", "fingerprinted") if name in found), "received"
    )
    return Progress(upload_id, track_id, stage)


def _failure(connection: Connection, upload_id: str) -> dict[str, Any] | None:
    """Return what an upload died of; None where it was sent or replayed since, and goes on."""
    columns = (LETTERS.c.dead_letter_id, LETTERS.c.reason, LETTERS.c.detail, LETTERS.c.recorded_at)
    replayed = (
        select(ACTIONS.c.action_id)
        .where(ACTIONS.c.dead_letter_id == LETTERS.c.dead_letter_id, ACTIONS.c.action == "replayed")
        .exists()
    )
    sent = (
        select(func.max(AUDIT.c.at))
        .where(AUDIT.c.subject == upload_id, AUDIT.c.action == "uploaded")
        .scalar_subquery()
    )
    row = connection.execute(
        select(*columns, replayed.label("replayed"), sent.label("sent"))
        .where(LETTERS.c.upload_id == upload_id)
        .order_by(LETTERS.c.recorded_at.desc())
        .limit(1)
    ).one()
    if row.replayed or (row.sent and row.recorded_at and row.recorded_at < row.sent):
        return None
    return {name: row._mapping[name] for name in ("dead_letter_id", "reason", "detail")}
