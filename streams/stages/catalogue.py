"""The reference catalogue: how a platform applies Earmark's decisions. Copy and adapt.

Three things make it right, whatever a platform does in ``_apply``:

1. The same decision applied twice changes nothing (it is known by its ``decision_id``).
2. An older decision never undoes a newer one. Newer means: about a later upload, or later
   about the same upload (the broker's time), as after a new policy or a repeat of the log.
3. It answers with ``DecisionApplied`` and commits its offset only once that is stored, so
   that silence means "not applied yet".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

from sqlalchemy import Column, Connection, MetaData, Table, delete, insert, select, update

from streams.contract import processes, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import Actions, DecisionApplied, TrackDecided, parse
from streams.runtime import metrics
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from streams.store.tables import Moment, Words

METADATA: Final = MetaData()
TRACKS: Final = Table(
    "catalogue_tracks",
    METADATA,
    Column("track_id", Words, primary_key=True),
    Column("decision_id", Words, nullable=False),
    Column("uploaded_at", Moment, nullable=False),
    Column("decided_at", Moment, nullable=False),
    *(Column(dimension, Words, nullable=False) for dimension in Actions.model_fields),
)
# Territories in which something else holds than in TRACKS; replaced with it, as one.
TERRITORIES: Final = Table(
    "catalogue_territories",
    METADATA,
    Column("track_id", Words, primary_key=True),
    Column("territory", Words, primary_key=True),
    Column("decision_id", Words, nullable=False),
    *(Column(dimension, Words, nullable=False) for dimension in Actions.model_fields),
)


def run_catalogue(settings: Settings) -> int:
    """Run the catalogue's process; return its exit code."""
    return consume(processes.CATALOGUE.name, processes.CATALOGUE.reads, settings, _open)


@contextmanager
def _open(settings: Settings) -> Iterator[Handler]:
    database = Ledger.open(settings.ledger, METADATA)
    try:
        yield blocking("catalogue", partial(apply, database))
    finally:
        database.close()


def apply(database: Ledger, batch: Sequence[Message]) -> Handled:
    """Apply a batch of decisions in one transaction; answer each."""
    good, refused = read_each(batch, lambda message: parse(TrackDecided, message.value))
    answers = []
    with database.transaction() as connection:
        for message, decision in good:
            said = DecisionApplied(
                decision_id=decision.decision_id,
                upload_id=decision.upload_id,
                track_id=decision.track_id,
                result=_apply(connection, decision, _time_of(message)),
            )
            answers.append((message, Output(topics.DECISIONS_APPLIED, said)))
            metrics.APPLIED.labels(said.result).inc()
    return Handled(refused, answers)


def _apply(
    connection: Connection, decision: TrackDecided, decided_at: datetime
) -> Literal["applied", "already_applied", "stale"]:
    mine = TRACKS.c.track_id == decision.track_id
    # One partition holds all decisions of a track, so nobody else writes this row now.
    known = connection.execute(select(TRACKS).where(mine)).one_or_none()
    if known is not None:
        older = (decision.uploaded_at, decided_at) < (known.uploaded_at, known.decided_at)
        if known.decision_id == decision.decision_id:
            if not older:  # the same upload, delivered again: it is the newest from now on
                times = {"uploaded_at": decision.uploaded_at, "decided_at": decided_at}
                connection.execute(update(TRACKS).where(mine).values(times))
            return "already_applied"
        if older:
            return "stale"
        connection.execute(delete(TRACKS).where(mine))
    connection.execute(
        insert(TRACKS).values(
            track_id=decision.track_id,
            decision_id=decision.decision_id,
            uploaded_at=decision.uploaded_at,
            decided_at=decided_at,
            **decision.actions.model_dump(),
        )
    )
    connection.execute(delete(TERRITORIES).where(TERRITORIES.c.track_id == decision.track_id))
    elsewhere = [
        {
            "track_id": decision.track_id,
            "territory": territory,
            "decision_id": decision.decision_id,
            **scoped.actions.model_dump(),
        }
        for scoped in decision.territorial
        for territory in scoped.territories
    ]
    if elsewhere:
        connection.execute(insert(TERRITORIES), elsewhere)
    return "applied"


def _time_of(message: Message) -> datetime:
    return datetime.fromtimestamp(message.timestamp_ms / 1_000, UTC)
