"""Facts about tracks for decisions: the rights registry, verdicts, appeals, switched rules.

The registry is kept in memory and read again when it has grown; verdicts and appeals are read by
track. ``facts`` combines them as of a moment; everything after that is pure.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select

from streams.contract.records import TrackClassified
from streams.contract.records.policy import PolicyChanged
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.facts import NONE_KNOWN, Facts, Rulings, facts_of
from streams.policy.identity import Identity, catalogue_matches
from streams.policy.registry import Registry
from streams.store import track_owners
from streams.store.database import Ledger, chunks, count, parsed
from streams.store.policy_releases import changes_of
from streams.store.tables import APPEALS, POLICIES, RIGHTS, VERDICTS
from streams.store.track_identities import identities

FRESH_S: Final = 1.0  # how old the registry may be where a little does no harm
OFF_STATES: Final = frozenset({"tripped", "killed"})


class TrackFacts:
    """Answers from one ledger; safe to share by threads."""

    def __init__(self, ledger: Ledger, assumed: Sequence[RightsChanged] = ()) -> None:
        """Answer from a ledger; ``assumed``: entries of the registry as if they were there."""
        self._ledger, self._assumed = ledger, assumed
        self._lock = threading.Lock()
        self._registry = Registry(assumed)
        self._rights_rows = 0
        self._policy_rows = -1
        self._off: dict[str, frozenset[str]] = {}
        self._asked = float("-inf")

    def facts(
        self, event: TrackClassified, at: datetime, policy: str, rulings: Rulings | None = None
    ) -> Facts:
        """Return the facts about one track at a moment; without ``rulings``, those are read.

        Raises:
            LedgerAway: the database does not answer.
        """
        if rulings is None:
            rulings = self.rulings([event.track_id]).get(event.track_id, Rulings())
        registry, off = self.registry(policy)
        known = self._identities([match.item_id for match in catalogue_matches(event)])
        return facts_of(event, at, rulings=rulings, registry=registry, off=off, known=known)

    def _identities(self, track_ids: Collection[str]) -> Mapping[str, Sequence[Identity]]:
        if not track_ids:  # of nearly all tracks: no statement is needed
            return NONE_KNOWN
        with self._ledger.reading() as connection:
            return identities(connection, track_ids)

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
        """Read the tables with new rows: rows are only added, so a count shows them."""
        with self._ledger.reading() as connection:
            rights, policies = count(connection, RIGHTS), count(connection, POLICIES)
            if rights != self._rights_rows:
                stored = parsed(connection, RightsChanged, select(RIGHTS.c.record))
                self._registry = Registry((*stored, *self._assumed))
                self._rights_rows = rights
        if policies != self._policy_rows:
            self._off = _off(changes_of(self._ledger, kind="rule"))
            self._policy_rows = policies

    @property
    def version(self) -> tuple[int, int]:
        """The version of the registry in memory: it differs after any addition."""
        with self._lock:
            return self._rights_rows, self._policy_rows

    def rulings(self, track_ids: Collection[str]) -> Mapping[str, Rulings]:
        """Return verdicts, appeals that count and distributors of tracks, where there are any."""
        verdicts: dict[str, list[ReviewDecided]] = defaultdict(list)
        appeals: dict[str, list[AppealChanged]] = defaultdict(list)
        distributors: dict[str, list[str | None]] = {}
        with self._ledger.reading() as connection:
            for ids in chunks(set(track_ids)):
                query = select(VERDICTS.c.record).where(VERDICTS.c.track_id.in_(ids))
                for verdict in parsed(connection, ReviewDecided, query):
                    verdicts[verdict.track_id].append(verdict)
                for appeal in parsed(connection, AppealChanged, _appeals(ids)):
                    appeals[appeal.track_id].append(appeal)
                distributors.update(track_owners.deliverers(connection, ids))
        return {
            track: Rulings(
                tuple(verdicts[track]), tuple(appeals[track]), tuple(distributors.get(track, ()))
            )
            for track in verdicts.keys() | appeals.keys() | distributors.keys()
        }


def _appeals(track_ids: Collection[str]) -> Select[Any]:
    """Return a query of what people did with appeals, and of one waiting appeal a decision.

    Anybody may send appeals: of those at which no person has looked, one has the effect of all.
    """
    changes = APPEALS.alias()
    about = APPEALS.c.track_id.in_(track_ids)
    later = select(changes.c.change_id).where(
        changes.c.appeal_id == APPEALS.c.appeal_id, changes.c.sequence > 0
    )
    waiting = (
        select(func.min(APPEALS.c.change_id))
        .where(about, APPEALS.c.sequence == 0, ~later.exists())
        .group_by(APPEALS.c.decision_id)
    )
    effective = (APPEALS.c.sequence > 0) | APPEALS.c.change_id.in_(waiting)
    return select(APPEALS.c.record).where(about, effective)


def _off(changes: Iterable[PolicyChanged]) -> dict[str, frozenset[str]]:
    """Return the rules that are switched off, by policy; the last switch of each counts."""
    latest = {(change.policy.name, change.rule_id): change for change in changes}
    by_policy: dict[str, set[str]] = defaultdict(set)
    for (policy, rule_id), change in latest.items():
        if rule_id is not None and change.state in OFF_STATES:
            by_policy[policy].add(rule_id)
    return {policy: frozenset(rules) for policy, rules in by_policy.items()}
