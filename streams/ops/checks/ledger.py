"""Gauges from the ledger: open work, the quality of verdicts, the rights registry."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog

from streams.contract.records.reviews import PENDING_STATES
from streams.contract.records.rights import RightsEntry
from streams.policy.registry import AGREEMENT_STATUSES, ends_by_revocation, status_of
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.review_quality import figures
from streams.store import audit, monitoring
from streams.store.database import Ledger

GRACE: Final = timedelta(minutes=5)  # a catalogue's time to answer
HORIZON: Final = timedelta(days=1)  # older decisions have raised an alert already
COMPARED: Final = timedelta(days=30)  # older ones: `earmark ledger verify`
GAUGES: Final = (metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK, metrics.OPEN_APPEALS)
QUALITY: Final = (metrics.QUALITY, metrics.QUALITY_CASES, metrics.KAPPA)
RIGHTS: Final = (metrics.AGREEMENTS, metrics.AGREEMENTS_ENDING, metrics.OPT_OUTS)
WITHIN_DAYS: Final = (7, 30, 90)
GRANTS: Final = frozenset({"opt_in", "conditional", "revoked"})
IN_FORCE: Final = "in_force"


log = structlog.get_logger()


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


class AuditHead:
    """Publishes the newest entry of the audit log: its number as a metric, its hash in the log.

    It remembers the last one outside of the database, so that a rewritten log is seen.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._last = 0, audit.START

    def measure(self) -> None:
        """Set the gauge; compare with the time before."""
        with self._ledger.reading() as connection:
            head = audit.head(connection)
            kept = audit.hash_of(connection, self._last[0])
        metrics.AUDIT_ENTRIES.set(head[0])
        if kept != self._last[1]:
            metrics.AUDIT_REWRITTEN.inc()
            log.error("audit_rewritten", entry=self._last[0], was=self._last[1], now=kept)
        if head != self._last:
            log.info("audit_head", entries=head[0], hash=head[1])
        self._last = head


def measure_catalogue(ledger: Ledger) -> None:
    """Set the gauge of tracks whose current decision the catalogue does not have."""
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        counts = monitoring.differing(connection, now - COMPARED, now - GRACE)
    for answer in ("silent", "stale", "replaced"):
        metrics.NOT_IN_EFFECT.labels(answer).set(counts.get(answer, 0))


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


class RegistryGauges:
    """The newest version of every entry; read again only after a change."""

    def __init__(self) -> None:
        self._state: tuple[int, datetime | None] | None = None
        self._entries: tuple[RightsEntry, ...] = ()

    def measure(self, ledger: Ledger) -> None:
        """Set the gauges."""
        now = datetime.now(UTC)
        with ledger.reading() as connection:
            state = monitoring.rights_state(connection)
            if state != self._state:
                self._entries = monitoring.rights_entries(connection)
                self._state = state
        statuses = [(entry, status_of(entry, entry.territories[0], now)) for entry in self._entries]
        grants = [(entry, status) for entry, status in statuses if entry.permission in GRANTS]
        by_status = Counter(status for _, status in grants)
        for status in AGREEMENT_STATUSES:
            if status not in ("out_of_scope", "unknown"):  # of a place or a tool, not of an entry
                metrics.AGREEMENTS.labels(status).set(by_status[status])
        ends = [ends_at(entry) for entry, status in grants if status == IN_FORCE]
        for days in WITHIN_DAYS:
            soon = now + timedelta(days=days)
            count = sum(end is not None and end <= soon for end in ends)
            metrics.AGREEMENTS_ENDING.labels(f"{days}d").set(count)
        opted_out = Counter(
            entry.source
            for entry, status in statuses
            if entry.permission == "opt_out" and status == IN_FORCE
        )
        metrics.OPT_OUTS.clear()  # sources come and go
        for source, count in opted_out.items():
            metrics.OPT_OUTS.labels(source).set(count)


def ends_at(entry: RightsEntry) -> datetime | None:
    """Return when an entry ceases to count; None: it has no end."""
    ends = [ends_by_revocation(entry.revocation)] if entry.revocation is not None else []
    if entry.valid_until is not None and entry.valid_until < date.max:
        ends.append(datetime.combine(entry.valid_until + timedelta(days=1), time(), UTC))
    return min(ends, default=None)
