"""Gauges from the ledger: open work, quality of verdicts, drift, rights."""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from streams.contract.records.reviews import PENDING_STATES
from streams.ops.checks import drift, reference, rights
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.review_quality import Figures, Share, figures
from streams.store import monitoring
from streams.store.database import Ledger, connect

GRACE: Final = timedelta(minutes=5)  # a catalogue's time to answer
HORIZON: Final = timedelta(days=1)  # older decisions have raised an alert already
GAUGES: Final = (metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK, metrics.OPEN_APPEALS)
QUALITY: Final = (metrics.QUALITY, metrics.QUALITY_CASES, metrics.KAPPA)


class LedgerGauges:
    """Reads the ledger over one engine, opened when first needed."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._sla_s = settings.ledger, settings.review_sla_hours * 3_600
        self._settings, self._rights = settings, rights.RegistryGauges()
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

    def measure_quality(self) -> None:
        """Set the gauges of quality, from the latest verdicts.

        Raises:
            LedgerAway: as above.
        """
        quality = figures(self._opened())
        for gauge in QUALITY:
            gauge.clear()
        if quality.kappa is not None:
            metrics.KAPPA.labels("second reviews").set(quality.kappa)
        for measure, shares in _measures(quality).items():
            for share in shares:
                if share.share is not None:
                    low, high = share.interval
                    for bound, value in (("share", share.share), ("low", low), ("high", high)):
                        metrics.QUALITY.labels(measure, share.name, bound).set(value)
                    metrics.QUALITY_CASES.labels(measure, share.name).set(share.count)

    def measure_drift(self) -> None:
        """Set the gauges of ``drift``.

        Raises:
            LedgerAway: as above.
        """
        drift.measure(self._opened())

    def measure_reference(self) -> None:
        """Set the gauges of ``reference``.

        Raises:
            LedgerAway: as above.
            OSError, ValueError, KeyError: the model's manifest cannot be read.
        """
        reference.measure(self._opened(), self._settings)

    def measure_rights(self) -> None:
        """Set the gauges of ``rights``.

        Raises:
            LedgerAway: as above.
        """
        self._rights.measure(self._opened())

    def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(connect(self._url))
        return self._ledger


def _measures(quality: Figures) -> dict[str, list[Share]]:
    """Return the shares that get a gauge; deliverers are too many, the console shows those."""
    return {
        "precision_by_queue": quality.precision,
        "overturned_by_rule": quality.overturned["rule"],
        "overturned_by_model": quality.overturned["model"],
        "agreement": [quality.agreement],
        "appeals_granted": [quality.appeals],
    }
