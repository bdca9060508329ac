"""What stands about tracks: the rights registry, verdicts, appeals, switched rules.

Read from the ledger, which is their projection. The registry is kept in memory and read again
when it has grown; what people said is asked for by track. ``facts`` puts it together as of a
moment; everything after that is pure.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from streams.contract.records import TrackClassified, parse
from streams.contract.records.policy import PolicyChanged
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.facts import Facts, Said, facts_of
from streams.policy.registry import Registry
from streams.store.database import CHUNK, Ledger
from streams.store.tables import APPEALS, POLICIES, RIGHTS, VERDICTS

FRESH_S: Final = 1.0  # how old the registry may be where a little does no harm
OFF_STATES: Final = frozenset({"tripped", "killed"})


class Standing:
    """Answers from one ledger; safe to share by threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._registry = Registry()
        self._rights_rows = 0
        self._policy_rows = -1
        self._off: dict[str, frozenset[str]] = {}
        self._asked = float("-inf")

    def facts(
        self, event: TrackClassified, at: datetime, policy: str, *, fresh: bool = False
    ) -> Facts:
        """Return what holds about one track at a moment.

        Raises:
            LedgerAway: it cannot be asked now.
        """
        said = self.said([event.track_id])
        return self.combined(event, at, policy, said.get(event.track_id, Said()), fresh=fresh)

    def combined(
        self, event: TrackClassified, at: datetime, policy: str, said: Said, *, fresh: bool = False
    ) -> Facts:
        """Return the facts, given what people said."""
        registry, off = self.registry(policy, fresh=fresh)
        return facts_of(event, at, said=said, registry=registry, off=off)

    def registry(self, policy: str, *, fresh: bool = False) -> tuple[Registry, frozenset[str]]:
        """Return the rights registry, and the rules of a policy that are switched off.

        Args:
            policy: its name.
            fresh: as of now; else it may be ``FRESH_S`` old.
        """
        with self._lock:
            if fresh or time.monotonic() - self._asked > FRESH_S:
                self._read_again()
                self._asked = time.monotonic()
            return self._registry, self._off.get(policy, frozenset())

    def _read_again(self) -> None:
        """Rows are only ever added, so their number tells whether there is anything new."""
        with self._ledger.reading() as connection:
            rights = connection.scalars(select(func.count()).select_from(RIGHTS)).one()
            policies = connection.scalars(select(func.count()).select_from(POLICIES)).one()
            if rights != self._rights_rows:
                texts = connection.scalars(select(RIGHTS.c.record)).all()
                self._registry = Registry(parse(RightsChanged, text.encode()) for text in texts)
                self._rights_rows = rights
            if policies != self._policy_rows:
                question = select(POLICIES.c.record).where(POLICIES.c.kind == "rule")
                texts = connection.scalars(question).all()
                self._off = _off(parse(PolicyChanged, text.encode()) for text in texts)
                self._policy_rows = policies

    @property
    def version(self) -> tuple[int, int]:
        """What the registry in memory is: it differs once anything was added."""
        with self._lock:
            return self._rights_rows, self._policy_rows

    def said(self, track_ids: Collection[str]) -> Mapping[str, Said]:
        """Return verdicts and appeals of tracks; those without any are left out."""
        ids = list(dict.fromkeys(track_ids))
        verdicts: dict[str, list[ReviewDecided]] = defaultdict(list)
        appeals: dict[str, list[AppealChanged]] = defaultdict(list)
        with self._ledger.reading() as connection:
            for start in range(0, len(ids), CHUNK):
                some = ids[start : start + CHUNK]
                asked = select(VERDICTS.c.record).where(VERDICTS.c.track_id.in_(some))
                for text in connection.scalars(asked):
                    verdict = parse(ReviewDecided, text.encode())
                    verdicts[verdict.track_id].append(verdict)
                asked = select(APPEALS.c.record).where(APPEALS.c.track_id.in_(some))
                for text in connection.scalars(asked):
                    appeal = parse(AppealChanged, text.encode())
                    appeals[appeal.track_id].append(appeal)
        return {
            track: Said(tuple(verdicts.get(track, ())), tuple(appeals.get(track, ())))
            for track in verdicts.keys() | appeals.keys()
        }


def _off(changes: Iterable[PolicyChanged]) -> dict[str, frozenset[str]]:
    """Return the rules that are switched off, by policy; the latest switch counts."""
    latest: dict[tuple[str, str], PolicyChanged] = {}
    for one in sorted(changes, key=lambda one: (one.changed_at, one.change_id)):
        if one.rule_id is not None:
            latest[(one.policy.name, one.rule_id)] = one
    found: dict[str, set[str]] = defaultdict(set)
    for (policy, rule_id), one in latest.items():
        if one.state in OFF_STATES:
            found[policy].add(rule_id)
    return {policy: frozenset(rules) for policy, rules in found.items()}
