"""The progress of an upload, from the rows that it has in the ledger."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, exists, func, literal, select, union_all

from streams.contract.records import TrackDecided
from streams.store import queries
from streams.store.account_tables import AUDIT
from streams.store.database import Ledger
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
    """The stage of an upload, its decision if there is one, its failure if it is a dead letter."""

    upload_id: str
    track_id: str
    status: Stage
    decision: TrackDecided | None = None
    failure: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Return whether no further event will come without an action."""
        return self.status in ("decided", "dead_letter")


def progress_of(ledger: Ledger, upload_id: str) -> Progress | None:
    """Return the progress of an upload; None where the ledger has no row of it."""
    rows = [
        select(literal(name).label("stage"), table.c.track_id).where(table.c.upload_id == upload_id)
        for name, table in ROWS.items()
    ]
    with ledger.reading() as connection:
        tracks = {row.stage: row.track_id for row in connection.execute(union_all(*rows))}
        if not tracks:
            return None
        track_id = next(iter(tracks.values())) or ""
        if "decided" in tracks:
            (decision,) = queries.decisions(connection, DECISIONS.c.upload_id == upload_id, 1)
            return Progress(upload_id, track_id, "decided", decision)
        if "dead_letter" in tracks and (failure := _failure(connection, upload_id)) is not None:
            return Progress(upload_id, track_id, "dead_letter", failure=failure)
    later: tuple[Stage, ...] = ("classified", "fingerprinted")
    return Progress(upload_id, track_id, next((s for s in later if s in tracks), "received"))


def _failure(connection: Connection, upload_id: str) -> dict[str, Any] | None:
    """Return the reason of the latest dead letter; None where the upload was sent again since."""
    replayed = exists().where(
        ACTIONS.c.dead_letter_id == LETTERS.c.dead_letter_id, ACTIONS.c.action == "replayed"
    )
    sent = select(func.max(AUDIT.c.at)).filter_by(subject=upload_id, action="uploaded")
    question = (
        select(LETTERS, replayed.label("replayed"), sent.scalar_subquery().label("sent"))
        .where(LETTERS.c.upload_id == upload_id)
        .order_by(LETTERS.c.recorded_at.desc())
        .limit(1)
    )
    row = connection.execute(question).first()
    if row is None or row.replayed or (row.sent and row.recorded_at and row.recorded_at < row.sent):
        return None
    return {name: row._mapping[name] for name in ("dead_letter_id", "reason", "detail")}
