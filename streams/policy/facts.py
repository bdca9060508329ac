"""What people and registries have said about a track, as of one moment.

``Facts`` is handed to the policy beside the analysis; nothing here asks a database. The
digest covers what can make a difference, so that two decisions with the same digest rest on
the same facts, whenever they were made: it is part of the decision's id.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from streams.contract.records import RightsUsed, TrackClassified
from streams.contract.records.reviews import PENDING_STATES, AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.registry import Registry, boundaries, keys_of_event, status_of

STATES_A_LABEL: Final = ("confirm", "correct", "reject_flag")


@dataclass(frozen=True)
class Rulings:
    """All that is stored about a track by people, in any order."""

    verdicts: tuple[ReviewDecided, ...] = ()
    appeals: tuple[AppealChanged, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What holds now.

    Args:
        at: the moment.
        verdict: the standing verdict that states a label.
        undone: verdicts that stated one and have been taken back.
        findings: what people found beside the extent.
        appeal: the appeal that was decided for the appellant, newest.
        appeal_open: whether an appeal is being looked at.
        interim_relief: whether consequences rest meanwhile.
        entries: registry entries that may be about the track.
        off: rules that are switched off.
        edges: moments at which any of this changes by itself.
    """

    at: datetime
    verdict: ReviewDecided | None = None
    undone: tuple[ReviewDecided, ...] = ()
    findings: tuple[str, ...] = ()
    appeal: AppealChanged | None = None
    appeal_open: bool = False
    interim_relief: bool = False
    entries: tuple[RightsChanged, ...] = ()
    off: frozenset[str] = frozenset()
    edges: tuple[datetime, ...] = ()

    @cached_property
    def people_digest(self) -> tuple[Any, ...]:
        """What people said, as plain data."""
        return (
            self.verdict and self.verdict.verdict_id,
            [one.verdict_id for one in self.undone],
            sorted(self.findings),
            self.appeal and self.appeal.change_id,
            self.appeal_open,
            self.interim_relief,
        )

    def digest(self, more: Iterable[Any] = ()) -> str | None:
        """Return SHA-256 over the facts; None where nobody has said anything.

        Args:
            more: plain data that also counts: entries used, overrides, rules lapsed or off.
        """
        registry = [
            [one.entry_id, one.version, _standings(one, self.at)]
            for one in self.entries
        ]  # fmt: skip
        content = [list(self.people_digest), registry, list(more)]
        if content == [[None, [], [], None, False, False], [], []]:
            return None
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def reconsider_at(self) -> datetime | None:
        """Return the next moment at which a fact begins or ends."""
        return min((one for one in self.edges if one > self.at), default=None)


def facts_of(
    event: TrackClassified,
    at: datetime,
    *,
    rulings: Rulings = Rulings(),
    registry: Registry | None = None,
    off: frozenset[str] = frozenset(),
) -> Facts:
    """Return what holds about a track at a moment (a pure function of what is given)."""
    verdicts = [one for one in rulings.verdicts if _is_about(one, event)]
    standing_verdicts, undone = _standing(verdicts)
    verdict = _labelling(standing_verdicts, at)
    changes = [one for one in rulings.appeals if _is_about(one, event)]
    appeals = _newest(changes)
    # An outside body is asked about what was decided here; until it has spoken, that holds.
    decided = _newest(one for one in changes if one.state != "external_dispute")
    won = [one for one in decided if one.state in ("overturned", "partially_overturned")]
    appeal = max(won, key=lambda one: (one.changed_at, one.change_id), default=None)
    pending = [one for one in appeals if one.state in PENDING_STATES]
    entries = () if registry is None else registry.naming(keys_of_event(event))
    edges = {moment for one in entries for moment in boundaries(one)}
    edges |= {one.pinned_until for one in standing_verdicts if one.pinned_until is not None}
    return Facts(
        at=at.astimezone(UTC),
        verdict=verdict,
        undone=tuple(one for one in undone if one.outcome in STATES_A_LABEL),
        findings=_findings(verdict, standing_verdicts, appeal, at),
        appeal=appeal,
        appeal_open=bool(pending),
        interim_relief=any(one.interim_relief for one in pending),
        entries=entries,
        off=off,
        edges=tuple(sorted(edges)),
    )


def _standings(changed: RightsChanged, at: datetime) -> list[str]:
    """Return how an entry stands where it would, which only its dates change."""
    if changed.entry is not None:
        return [status_of(changed.entry, changed.entry.territories[0], at)]
    day = at.astimezone(UTC).date()
    licences = () if changed.generator is None else changed.generator.licences
    return [
        "on"
        if (one.valid_from is None or one.valid_from <= day)
        and (one.valid_until is None or day <= one.valid_until)
        else "off"
        for one in licences
    ]


def _is_about(ruling: ReviewDecided | AppealChanged, event: TrackClassified) -> bool:
    """People speak about what they heard: the same content, delivered again, is the same."""
    if ruling.content_sha256 is not None:
        return ruling.content_sha256 == event.content_sha256
    return ruling.upload_id == event.upload_id


def _standing(
    verdicts: Iterable[ReviewDecided],
) -> tuple[list[ReviewDecided], list[ReviewDecided]]:
    """Return the verdicts that hold, newest first, and those that were undone."""
    newest_first = sorted(
        {verdict.verdict_id: verdict for verdict in verdicts}.values(),
        key=lambda verdict: (verdict.decided_at, verdict.verdict_id),
        reverse=True,
    )
    gone: set[str] = set()
    holding, undone = [], []
    for verdict in newest_first:
        if verdict.verdict_id in gone:
            undone.append(verdict)
            continue
        if verdict.undoes is not None:
            gone.add(verdict.undoes)
        if verdict.second_review_of is None:
            holding.append(verdict)
    return holding, undone


def _labelling(holding: Iterable[ReviewDecided], at: datetime) -> ReviewDecided | None:
    for verdict in holding:
        lasts = verdict.pinned_until is None or at < verdict.pinned_until
        if verdict.outcome in STATES_A_LABEL and lasts:
            return verdict
    return None


def _newest(changes: Iterable[AppealChanged]) -> list[AppealChanged]:
    """Return how each appeal stands: its change with the highest sequence."""
    newest: dict[str, AppealChanged] = {}
    for change in changes:
        known = newest.get(change.appeal_id)
        if known is None or change.sequence > known.sequence:
            newest[change.appeal_id] = change
    return [newest[appeal_id] for appeal_id in sorted(newest)]


_PAIRS: Final = {
    "impersonation": "not_impersonation",
    "licensed": "unlicensed",
    "fraud": "not_fraud",
    "removed_before": "not_removed_before",
}
OPPOSITES: Final = _PAIRS | {value: key for key, value in _PAIRS.items()}


def _findings(
    verdict: ReviewDecided | None,
    holding: Iterable[ReviewDecided],
    appeal: AppealChanged | None,
    at: datetime,
) -> tuple[str, ...]:
    """Return what was found last in each matter; an appeal's word is the last."""
    by_source: list[tuple[str, ...]] = []
    if appeal is not None and appeal.outcome is not None:
        by_source.append(tuple(appeal.outcome.findings))
    by_source += [
        tuple(one.findings) for one in holding if one.pinned_until is None or at < one.pinned_until
    ]
    matter_of = {word: key for key, value in OPPOSITES.items() for word in (key, value)}
    by_matter: dict[str, str] = {}
    for words in by_source:
        for word in words:
            by_matter.setdefault(matter_of[word], word)
    return tuple(sorted(by_matter.values()))


def used_of(used: Iterable[RightsUsed]) -> list[list[Any]]:
    """Return the entries used as plain data, for a digest."""
    return [[one.purpose, one.entry_id, one.version, one.status] for one in used]
