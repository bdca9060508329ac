"""The facts of people and registries about a track, as of one moment.

The policy takes ``Facts`` beside the analysis, and reads no database. The digest covers what can
make a difference and is part of the decision's id. Two decisions with the same digest rest on
the same facts, whenever they were made.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from streams.contract.records import TrackClassified
from streams.contract.records.reviews import PENDING_STATES, AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.identity import NO_DIFFERENCE, Differences, Identity, other_identity
from streams.policy.registry import Registry, boundaries, folded, is_valid, keys_of_event, status_of

NONE_KNOWN: Final[Mapping[str, Sequence[Identity]]] = MappingProxyType({})
STATES_A_LABEL: Final = ("confirm", "correct", "reject_flag")


@dataclass(frozen=True)
class Rulings:
    """All that is stored about a track by people, in any order.

    ``distributors``: who delivered it, the owner of its id first; None: without a name.
    """

    verdicts: tuple[ReviewDecided, ...] = ()
    appeals: tuple[AppealChanged, ...] = ()
    distributors: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What holds at a moment."""

    at: datetime
    verdict: ReviewDecided | None = None  # in force, and states a label
    undone: tuple[ReviewDecided, ...] = ()  # stated a label, and have been taken back
    findings: tuple[str, ...] = ()  # what people found beside the extent
    appeal: AppealChanged | None = None  # the newest that was decided for the appellant
    appeal_open: bool = False  # an appeal is in progress
    interim_relief: bool = False  # consequences rest until that is decided
    entries: tuple[RightsChanged, ...] = ()  # of the registry, that may be about the track
    off: frozenset[str] = frozenset()  # rules that are switched off
    edges: tuple[datetime, ...] = ()  # moments at which any of this changes by itself
    foreign: bool = False  # the track id is of another distributor
    identity: Differences = NO_DIFFERENCE  # from the tracks of the catalogue that it is

    def digest(self, more: Iterable[Any] = ()) -> str | None:
        """Return SHA-256 over the facts, None where there are none.

        ``more`` is plain data that also counts: entries used, overrides, rules lapsed or off.
        """
        people = [
            self.verdict and self.verdict.verdict_id,
            [one.verdict_id for one in self.undone],
            sorted(self.findings),
            self.appeal and self.appeal.change_id,
            self.appeal_open,
            self.interim_relief,
            *(["foreign"] if self.foreign else []),
            *([["identity", *astuple(self.identity)]] if self.identity else []),
        ]
        registry = [
            [one.entry_id, one.version, _status_codes(one, self.at)] for one in self.entries
        ]
        content = [people, registry, list(more)]
        if content == [[None, [], [], None, False, False], [], []]:
            return None
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def facts_of(
    event: TrackClassified,
    at: datetime,
    *,
    rulings: Rulings = Rulings(),
    registry: Registry | None = None,
    off: frozenset[str] = frozenset(),
    known: Mapping[str, Sequence[Identity]] = NONE_KNOWN,
) -> Facts:
    """Return what holds about a track at a moment (a pure function of what is given).

    ``known`` are the identities of the catalogue's tracks that it matches, by track id.
    """
    holding, undone = _holding(one for one in rulings.verdicts if _is_about(one, event))
    in_force = [one for one in holding if one.pinned_until is None or at < one.pinned_until]
    changes = [one for one in rulings.appeals if _is_about(one, event)]
    # An outside body is asked about the decision here; until its answer, the decision holds.
    decided = _newest(one for one in changes if one.state != "external_dispute")
    won = [one for one in decided if one.state in ("overturned", "partially_overturned")]
    appeal = max(won, key=lambda one: (one.changed_at, one.change_id), default=None)
    pending = [one for one in _newest(changes) if one.state in PENDING_STATES]
    entries = () if registry is None else registry.naming(keys_of_event(event))
    edges = {moment for one in entries for moment in boundaries(one)}
    edges |= {one.pinned_until for one in holding if one.pinned_until is not None}
    return Facts(
        at=at.astimezone(UTC),
        verdict=next((one for one in in_force if one.outcome in STATES_A_LABEL), None),
        undone=tuple(one for one in undone if one.outcome in STATES_A_LABEL),
        findings=_findings(in_force, appeal),
        appeal=appeal,
        appeal_open=bool(pending),
        interim_relief=any(one.interim_relief for one in pending),
        entries=entries,
        off=off,
        edges=tuple(sorted(edges)),
        foreign=bool(rulings.distributors)
        and folded([event.upload.distributor]) != folded(rulings.distributors[:1]),
        identity=other_identity(event, known),
    )


def _status_codes(changed: RightsChanged, at: datetime) -> list[str]:
    """Return the status of an entry in its own territory, which only its dates change."""
    if changed.entry is not None:
        return [status_of(changed.entry, changed.entry.territories[0], at)]
    licences = () if changed.generator is None else changed.generator.licences
    return ["on" if is_valid(one, at) else "off" for one in licences]


def _is_about(ruling: ReviewDecided | AppealChanged, event: TrackClassified) -> bool:
    """People rule about content: the same content, delivered again, is the same."""
    if ruling.content_sha256 is not None:
        return ruling.content_sha256 == event.content_sha256
    return ruling.upload_id == event.upload_id


def _holding(verdicts: Iterable[ReviewDecided]) -> tuple[list[ReviewDecided], list[ReviewDecided]]:
    """Return the verdicts that hold, newest first, and those that were undone."""
    newest_first = sorted(
        {verdict.verdict_id: verdict for verdict in verdicts}.values(),
        key=lambda verdict: (verdict.decided_at, verdict.verdict_id),
        reverse=True,
    )
    gone: set[str | None] = set()
    holding, undone = [], []
    for verdict in newest_first:
        if verdict.verdict_id in gone:
            undone.append(verdict)
            continue
        gone.add(verdict.undoes)
        if verdict.second_review_of is None:
            holding.append(verdict)
    return holding, undone


def _newest(changes: Iterable[AppealChanged]) -> list[AppealChanged]:
    """Return the current state of each appeal: its change with the highest sequence."""
    in_order = sorted(changes, key=lambda change: change.sequence)
    return list({change.appeal_id: change for change in in_order}.values())


_PAIRS: Final = {
    "impersonation": "not_impersonation",
    "licensed": "unlicensed",
    "fraud": "not_fraud",
    "removed_before": "not_removed_before",
}
OPPOSITES: Final = _PAIRS | {value: key for key, value in _PAIRS.items()}


def _findings(in_force: Iterable[ReviewDecided], appeal: AppealChanged | None) -> tuple[str, ...]:
    """Return the last finding in each matter; that of an appeal is final."""
    outcome = appeal and appeal.outcome
    findings = [
        *(outcome.findings if outcome else ()),
        *(f for one in in_force for f in one.findings),
    ]
    by_matter = {frozenset((one, OPPOSITES[one])): one for one in reversed(findings)}
    return tuple(sorted(by_matter.values()))
