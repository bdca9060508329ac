"""What waits for somebody, asked of the ledger."""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, func, select

from streams import metrics
from streams.ledger import Ledger, connect
from streams.ledger_tables import APPLIED, DECISIONS, REVIEW_TASKS, VERDICTS
from streams.settings import Settings

GRACE: Final = timedelta(minutes=5)  # a catalogue may take that long to answer
HORIZON: Final = timedelta(days=1)  # older ones have been an alert already; keeps it quick
GAUGES: Final = (metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK)


class Waiting:
    """Asks over one engine, opened when first needed; it never changes the tables."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.ledger
        self._ledger: Ledger | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ledger is not None:
            self._ledger.close()

    def measure(self) -> None:
        """Set the gauges.

        Raises:
            LedgerAway: it does not answer, or has no tables yet.
        """
        if self._ledger is None:
            self._ledger = Ledger(connect(self._url))
        now = datetime.now(UTC)
        with self._ledger.reading() as connection:
            metrics.UNAPPLIED.labels("catalogue").set(_unapplied(connection, now))
            _tasks(connection, now)


def _unapplied(connection: Connection, now: datetime) -> int:
    answered = select(APPLIED.c.decision_id).where(APPLIED.c.decision_id == DECISIONS.c.decision_id)
    question = (
        select(func.count())
        .select_from(DECISIONS)
        .where(DECISIONS.c.recorded_at.between(now - HORIZON, now - GRACE))
        .where(~answered.exists())
    )
    return int(connection.scalar(question) or 0)


def _tasks(connection: Connection, now: datetime) -> None:
    judged = select(VERDICTS.c.task_id).where(VERDICTS.c.task_id == REVIEW_TASKS.c.task_id)
    question = (
        select(REVIEW_TASKS.c.queue, func.count(), func.min(REVIEW_TASKS.c.requested_for))
        .where(~judged.exists())
        .group_by(REVIEW_TASKS.c.queue)
    )
    for gauge in (metrics.OPEN_TASKS, metrics.OLDEST_TASK):
        gauge.clear()  # queues come and go
    for queue, count, oldest in connection.execute(question):
        metrics.OPEN_TASKS.labels(queue).set(count)
        metrics.OLDEST_TASK.labels(queue).set((now - oldest).total_seconds())
