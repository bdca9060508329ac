"""What waits for somebody, asked of the ledger."""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, func, select

from streams.contract.records.reviews import PENDING_STATES
from streams.ops.checks import drift, reference, rights
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.review_quality import Figures, Share, figures
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger, connect
from streams.store.tables import APPEALS, APPLIED, DECISIONS

GRACE: Final = timedelta(minutes=5)  # a catalogue may take that long to answer
HORIZON: Final = timedelta(days=1)  # older ones have been an alert already; keeps it quick
GAUGES: Final = (metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK, metrics.OPEN_APPEALS)
QUALITY: Final = (metrics.QUALITY, metrics.QUALITY_CASES, metrics.KAPPA)


class Waiting:
    """Asks over one engine, opened when first needed; it never changes the tables."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._sla_s = settings.ledger, settings.review_sla_hours * 3_600
        self._settings, self._registered = settings, rights.Registered()
        self._ledger: Ledger | None = None
        self._queues: set[str] | None = None

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
        now = datetime.now(UTC)
        metrics.REVIEW_SLA.set(self._sla_s)
        with self._opened().reading() as connection:
            metrics.UNAPPLIED.labels("catalogue").set(_unapplied(connection, now))
            if self._queues is None:  # those that have emptied are there too, with 0
                self._queues = set(connection.scalars(select(TASK_STATES.c.queue).distinct()))
            self._queues |= _tasks(connection, now, self._queues)
            _appeals(connection)

    def judge(self) -> None:
        """Set the gauges of quality, from the latest verdicts.

        Raises:
            LedgerAway: as above.
        """
        found = figures(self._opened())
        for gauge in QUALITY:
            gauge.clear()
        if found.kappa is not None:
            metrics.KAPPA.labels("second reviews").set(found.kappa)
        for measure, shares in _measures(found).items():
            for share in shares:
                if share.share is not None:
                    low, high = share.interval
                    for bound, value in (("share", share.share), ("low", low), ("high", high)):
                        metrics.QUALITY.labels(measure, share.name, bound).set(value)
                    metrics.QUALITY_CASES.labels(measure, share.name).set(share.count)

    def watch_drift(self) -> None:
        """Set the gauges of ``drift``.

        Raises:
            LedgerAway: as above.
        """
        drift.measure(self._opened())

    def hold_against_release(self) -> None:
        """Set the gauges of ``reference``.

        Raises:
            LedgerAway: as above.
            OSError, ValueError, KeyError: the model's manifest cannot be read.
        """
        reference.measure(self._opened(), self._settings)

    def look_at_rights(self) -> None:
        """Set the gauges of ``rights``.

        Raises:
            LedgerAway: as above.
        """
        self._registered.measure(self._opened())

    def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(connect(self._url))
        return self._ledger


def _unapplied(connection: Connection, now: datetime) -> int:
    answered = select(APPLIED.c.decision_id).where(APPLIED.c.decision_id == DECISIONS.c.decision_id)
    question = (
        select(func.count())
        .select_from(DECISIONS)
        .where(DECISIONS.c.recorded_at.between(now - HORIZON, now - GRACE))
        .where(~answered.exists())
    )
    return int(connection.scalar(question) or 0)


def _tasks(connection: Connection, now: datetime, known: set[str]) -> set[str]:
    """Set the gauges of every queue; return those in which something waits."""
    question = (
        select(TASK_STATES.c.queue, func.count(), func.min(TASK_STATES.c.opened_at))
        .where(TASK_STATES.c.state == "open", TASK_STATES.c.kind == "review")
        .group_by(TASK_STATES.c.queue)
    )
    waiting = {row[0]: (row[1], row[2]) for row in connection.execute(question)}
    for queue in known | waiting.keys():
        count, oldest = waiting.get(queue, (0, now))
        metrics.OPEN_TASKS.labels(queue).set(count)
        metrics.OLDEST_TASK.labels(queue).set((now - oldest).total_seconds())
    return set(waiting)


def _appeals(connection: Connection) -> None:
    latest = (
        select(APPEALS.c.appeal_id, func.max(APPEALS.c.sequence).label("sequence"))
        .group_by(APPEALS.c.appeal_id)
        .subquery()
    )
    same = (latest.c.appeal_id == APPEALS.c.appeal_id) & (latest.c.sequence == APPEALS.c.sequence)
    question = select(APPEALS.c.state, func.count()).join(latest, same).group_by(APPEALS.c.state)
    found = {row[0]: row[1] for row in connection.execute(question)}
    for state in sorted(PENDING_STATES):
        metrics.OPEN_APPEALS.labels(state).set(found.get(state, 0))


def _measures(found: Figures) -> dict[str, list[Share]]:
    """Return what is worth a gauge; deliverers are too many, the console shows those."""
    return {
        "precision_by_queue": found.precision,
        "overturned_by_rule": found.overturned["rule"],
        "overturned_by_model": found.overturned["model"],
        "agreement": [found.agreement],
        "appeals_granted": [found.appeals],
    }
