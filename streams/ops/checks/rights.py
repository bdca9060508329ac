"""How the registry stands: agreements in force, ending, disputed; and who has opted out."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import func, select

from streams.contract.records import parse
from streams.contract.records.rights import RightsChanged, RightsEntry
from streams.policy.registry import STANDINGS, ends_by_revocation, standing
from streams.runtime import metrics
from streams.store.database import Ledger
from streams.store.tables import RIGHTS

WITHIN_DAYS: Final = (7, 30, 90)
GRANTS: Final = frozenset({"opt_in", "conditional", "revoked"})
_HOLDS: Final = "in_force"
GAUGES: Final = (metrics.AGREEMENTS, metrics.AGREEMENTS_ENDING, metrics.OPT_OUTS)


class Registered:
    """The newest versions of all entries; read again only when the registry has changed."""

    def __init__(self) -> None:
        self._seen: tuple[int, datetime | None] = (0, None)
        self._entries: tuple[RightsEntry, ...] = ()

    def measure(self, ledger: Ledger) -> None:
        """Set the gauges.

        Raises:
            LedgerAway: the database does not answer.
        """
        now = datetime.now(UTC)
        self._read(ledger)
        grants = [one for one in self._entries if one.permission in GRANTS]
        by_state = Counter(standing(one, one.territories[0], now) for one in grants)
        for state in STANDINGS:
            if state not in ("out_of_scope", "unknown"):  # of a place or a tool, not of an entry
                metrics.AGREEMENTS.labels(state).set(by_state[state])
        ends = [ends_at(one) for one in grants if standing(one, one.territories[0], now) == _HOLDS]
        for days in WITHIN_DAYS:
            soon = now + timedelta(days=days)
            count = sum(end is not None and end <= soon for end in ends)
            metrics.AGREEMENTS_ENDING.labels(f"{days}d").set(count)
        metrics.OPT_OUTS.clear()  # sources come and go
        for source, count in _opted_out(self._entries, now).items():
            metrics.OPT_OUTS.labels(source).set(count)

    def _read(self, ledger: Ledger) -> None:
        with ledger.reading() as connection:
            state = connection.execute(select(func.count(), func.max(RIGHTS.c.changed_at))).one()
            if (seen := (state[0], state[1])) == self._seen:
                return
            newest = (
                select(RIGHTS.c.entry_id, func.max(RIGHTS.c.version).label("version"))
                .group_by(RIGHTS.c.entry_id)
                .subquery()
            )
            same = (newest.c.entry_id == RIGHTS.c.entry_id) & (newest.c.version == RIGHTS.c.version)
            rows = connection.execute(select(RIGHTS.c.record).join(newest, same))
            read = (parse(RightsChanged, row[0].encode()).entry for row in rows)
            self._entries = tuple(one for one in read if one is not None)
            self._seen = seen


def ends_at(entry: RightsEntry) -> datetime | None:
    """Return when an entry ceases to count; None: it has no end."""
    ends = [ends_by_revocation(entry)] if entry.revocation is not None else []
    if entry.valid_until is not None and entry.valid_until < date.max:
        ends.append(datetime.combine(entry.valid_until + timedelta(days=1), time(), UTC))
    return min(ends, default=None)


def _opted_out(entries: Iterable[RightsEntry], now: datetime) -> Counter[str]:
    return Counter(
        one.source
        for one in entries
        if one.permission == "opt_out" and standing(one, one.territories[0], now) == _HOLDS
    )
