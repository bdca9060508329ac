"""The rights registry: agreements by status, those that end soon, and opt-outs."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from streams.contract.records.rights import RightsEntry
from streams.policy.registry import AGREEMENT_STATUSES, ends_by_revocation, status_of
from streams.runtime import metrics
from streams.store import monitoring
from streams.store.database import Ledger
from streams.store.monitoring import RightsState

WITHIN_DAYS: Final = (7, 30, 90)
GRANTS: Final = frozenset({"opt_in", "conditional", "revoked"})
IN_FORCE: Final = "in_force"
GAUGES: Final = (metrics.AGREEMENTS, metrics.AGREEMENTS_ENDING, metrics.OPT_OUTS)


class RegistryGauges:
    """The newest version of every entry; read again only after a change."""

    def __init__(self) -> None:
        self._state: RightsState | None = None
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
    ends = [ends_by_revocation(entry)] if entry.revocation is not None else []
    if entry.valid_until is not None and entry.valid_until < date.max:
        ends.append(datetime.combine(entry.valid_until + timedelta(days=1), time(), UTC))
    return min(ends, default=None)
