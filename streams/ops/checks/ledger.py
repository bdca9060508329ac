"""Gauges from the ledger: open work, the quality of verdicts, the rights registry."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from streams.contract.records.reviews import PENDING_STATES
from streams.policy.registry import AGREEMENT_STATUSES, limits, status_of
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.review_quality import figures
from streams.store import audit, monitoring, statement_deliveries
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts

GRACE: Final = timedelta(minutes=5)  # a catalogue's time to answer
HORIZON: Final = timedelta(days=1)  # older decisions have raised an alert already
COMPARED: Final = timedelta(days=30)  # older ones: `earmark ledger verify`
GAUGES: Final = (
    *(metrics.UNAPPLIED, metrics.OPEN_TASKS, metrics.OLDEST_TASK, metrics.OPEN_APPEALS),
    *(metrics.UNDELIVERED, metrics.UNDELIVERED_OLDEST),
)
QUALITY: Final = (metrics.QUALITY, metrics.QUALITY_CASES, metrics.KAPPA)
RIGHTS: Final = (metrics.AGREEMENTS, metrics.AGREEMENTS_ENDING, metrics.OPT_OUTS)
WITHIN_DAYS: Final = (7, 30, 90)
GRANTS: Final = frozenset({"opt_in", "conditional", "revoked"})
IN_FORCE: Final = "in_force"

log = structlog.get_logger()


def measure_open_work(ledger: Ledger, settings: Settings) -> None:
    """Set the gauges of open work, to 0 for a queue that is empty."""
    now = datetime.now(UTC)
    metrics.REVIEW_SLA.set(settings.review_sla_hours * 3_600)
    with ledger.reading() as connection:
        unapplied = monitoring.unapplied(connection, now - HORIZON, now - GRACE)
        tasks = dict.fromkeys(monitoring.queues(connection), (0, now))
        tasks |= monitoring.open_tasks(connection)
        appeals = monitoring.appeals_by_state(connection)
        undelivered = statement_deliveries.counts(connection)
    metrics.UNAPPLIED.labels("catalogue").set(unapplied)
    for gauge in (metrics.OPEN_TASKS, metrics.OLDEST_TASK):
        gauge.clear()  # a queue may have gone
    for queue, (count, oldest) in tasks.items():
        metrics.OPEN_TASKS.labels(queue).set(count)
        metrics.OLDEST_TASK.labels(queue).set((now - oldest).total_seconds())
    for state in sorted(PENDING_STATES):
        metrics.OPEN_APPEALS.labels(state).set(appeals.get(state, 0))
    for state in (statement_deliveries.WAITING, *statement_deliveries.UNDELIVERED):
        count, oldest = undelivered.get(state, (0, now))
        metrics.UNDELIVERED.labels(state).set(count)
        metrics.UNDELIVERED_OLDEST.labels(state).set((now - oldest).total_seconds())


@dataclass
class AuditHead:
    """Publishes the newest entry of the audit log: its number as a metric, its hash in the log.

    It remembers the last one outside of the database, so that a rewritten log is seen.
    """

    ledger: Ledger
    last: tuple[int, str] = (0, audit.START)

    def measure(self) -> None:
        """Set the gauge; compare with the time before."""
        with self.ledger.reading() as connection:
            head = audit.head(connection)
            kept = audit.hash_of(connection, self.last[0])
        metrics.AUDIT_ENTRIES.set(head[0])
        if kept != self.last[1]:
            metrics.AUDIT_REWRITTEN.inc()
            log.error("audit_rewritten", entry=self.last[0], was=self.last[1], now=kept)
        if head != self.last:
            log.info("audit_head", entries=head[0], hash=head[1])
        self.last = head


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


def measure_registry(track_facts: TrackFacts) -> None:
    """Set the gauges of the rights registry, from the newest version of every entry."""
    now = datetime.now(UTC)
    registry, _ = track_facts.registry("", fresh=True)
    entries = [change.entry for change in registry if change.entry is not None]
    statuses = [(entry, status_of(entry, entry.territories[0], now)) for entry in entries]
    grants = [(entry, status) for entry, status in statuses if entry.permission in GRANTS]
    by_status = Counter(status for _, status in grants)
    for status in AGREEMENT_STATUSES:
        if status not in ("out_of_scope", "unknown"):  # of a place or a tool, not of an entry
            metrics.AGREEMENTS.labels(status).set(by_status[status])
    in_force = [limits(entry) for entry, status in grants if status == IN_FORCE]
    for days in WITHIN_DAYS:
        soon = now + timedelta(days=days)
        count = sum(any(now < moment <= soon for moment in moments) for moments in in_force)
        metrics.AGREEMENTS_ENDING.labels(f"{days}d").set(count)
    opted_out = Counter(
        entry.source
        for entry, status in statuses
        if entry.permission == "opt_out" and status == IN_FORCE
    )
    metrics.OPT_OUTS.clear()  # sources come and go
    for source, count in opted_out.items():
        metrics.OPT_OUTS.labels(source).set(count)
