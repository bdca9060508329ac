"""Gauges from the ledger: open work and the quality of verdicts."""

from datetime import UTC, datetime, timedelta
from typing import Final

from streams.contract.records.reviews import PENDING_STATES
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.review_quality import figures
from streams.store import monitoring
from streams.store.database import Ledger

GRACE: Final = timedelta(minutes=5)  # a catalogue's time to answer
HORIZON: Final = timedelta(days=1)  # older decisions have raised an alert already
GAUGES: Final = (metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK, metrics.OPEN_APPEALS)
QUALITY: Final = (metrics.QUALITY, metrics.QUALITY_CASES, metrics.KAPPA)


class LedgerGauges:
    """Sets the gauges of open work."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger, self._sla_s = ledger, settings.review_sla_hours * 3_600
        self._queues: set[str] | None = None

    def measure(self) -> None:
        """Set the gauges."""
        now = datetime.now(UTC)
        metrics.REVIEW_SLA.set(self._sla_s)
        with self._ledger.reading() as connection:
            unapplied = monitoring.unapplied(connection, now - HORIZON, now - GRACE)
            metrics.UNAPPLIED.labels("catalogue").set(unapplied)
            if self._queues is None:  # also those that are empty: their gauges are 0
                self._queues = monitoring.queues(connection)
            tasks = monitoring.open_tasks(connection)
            appeals = monitoring.appeals_by_state(connection)
        self._queues |= tasks.keys()
        for queue in self._queues:
            count, oldest = tasks.get(queue, (0, now))
            metrics.OPEN_TASKS.labels(queue).set(count)
            metrics.OLDEST_TASK.labels(queue).set((now - oldest).total_seconds())
        for state in sorted(PENDING_STATES):
            metrics.OPEN_APPEALS.labels(state).set(appeals.get(state, 0))


def measure_quality(ledger: Ledger) -> None:
    """Set the gauges of quality, from the latest verdicts."""
    quality = figures(ledger)
    for gauge in QUALITY:
        gauge.clear()
    if quality.kappa is not None:
        metrics.KAPPA.labels("second reviews").set(quality.kappa)
    all_shares = {  # deliverers are too many: the console shows those
        "precision_by_queue": quality.precision,
        "overturned_by_rule": quality.overturned["rule"],
        "overturned_by_model": quality.overturned["model"],
        "agreement": [quality.agreement],
        "appeals_granted": [quality.appeals],
    }
    for measure, shares in all_shares.items():
        for share in shares:
            if share.share is not None:
                low, high = share.interval
                for bound, value in (("share", share.share), ("low", low), ("high", high)):
                    metrics.QUALITY.labels(measure, share.name, bound).set(value)
                metrics.QUALITY_CASES.labels(measure, share.name).set(share.count)
