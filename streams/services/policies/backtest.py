"""Back-test: how a policy would decide tracks that were decided.

The current decision of each track is compared with the decision of a bundle, in every territory,
about the same analysis and today's facts. Nothing is stored. Precision counts the rules that hold
without verdicts: a rule that a verdict has settled no longer holds, so its errors would disappear.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from streams.contract.records import Actions, Dimension, Extent, TrackDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.bundle import Bundle
from streams.policy.facts import OPPOSITES, Facts, Rulings
from streams.policy.rules import Rule
from streams.policy.territories import TerritorialEvaluation, evaluate_territories
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts

PAGE = 500
NAMED = 1_000  # changed tracks
Flip = tuple[Dimension, str, str, tuple[str, ...]]
"""A dimension, its value before and after, and the territories; none: everywhere."""


@dataclass
class Report:
    """The result; ``reviewed`` counts the tracks with verdicts by rule, ``right`` the confirmed."""

    tracks: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    on_trial: Counter[str] = field(default_factory=Counter)
    flips: Counter[Flip] = field(default_factory=Counter)
    would_flip: Counter[Flip] = field(default_factory=Counter)
    by_distributor: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    reviews: Counter[str] = field(default_factory=lambda: Counter(before=0, now=0, with_trials=0))
    right: Counter[str] = field(default_factory=Counter)
    reviewed: Counter[str] = field(default_factory=Counter)
    changed: list[dict[str, Any]] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "tracks": self.tracks,
            "from": self.first and self.first.isoformat(),
            "to": self.last and self.last.isoformat(),
            "hits": dict(self.hits.most_common()),
            "on_trial": dict(self.on_trial.most_common()),
            "flips": _counted(self.flips),
            "would_flip": _counted(self.would_flip),
            "by_distributor": {name: dict(counts) for name, counts in self.by_distributor.items()},
            "reviews": dict(self.reviews),
            "precision": {
                rule: {"reviewed": count, "right": self.right[rule]}
                for rule, count in self.reviewed.most_common()
            },
            "changed": self.changed,
        }


def _counted(flips: Counter[Flip]) -> list[dict[str, Any]]:
    return [_named(flip) | {"tracks": count} for flip, count in flips.most_common()]


def _named(flip: Flip) -> dict[str, Any]:
    dimension, was, now, territories = flip
    where = {"territories": list(territories)} if territories else {}
    return {"dimension": dimension, "from": was, "to": now} | where


def backtest(
    ledger: Ledger,
    bundle: Bundle,
    now: datetime,
    track_ids: Iterable[str],
    *,
    assumed: Sequence[RightsChanged] = (),
) -> Report:
    """Run a bundle over tracks of the ledger (see ``reopening.tracks_since``).

    Facts hold as of ``now``, and entries of the registry that are ``assumed`` as if they were
    there. At most ``NAMED`` changed tracks are named.
    """
    report, remaining = Report(), iter(track_ids)
    track_facts = TrackFacts(ledger, assumed)
    track_facts.registry(bundle.name, fresh=True)
    while page := list(islice(remaining, PAGE)):
        decisions = reopening.current_decisions(ledger, page)
        rulings = track_facts.rulings(list(decisions))
        for track_id, current in decisions.items():
            people = rulings.get(track_id, Rulings())
            facts = track_facts.facts(current.event, now, bundle.name, people)
            _count(report, current, evaluate_territories(current.event, facts, bundle))
            if extent_by_people(facts) is not None or facts.findings:
                blind = track_facts.facts(current.event, now, bundle.name, Rulings())
                evaluation = evaluate_territories(current.event, blind, bundle)
                _count_right(report, bundle, evaluation, facts)
    return report


def _count(report: Report, current: reopening.CurrentDecision, new: TerritorialEvaluation) -> None:
    before, at = current.decided, current.decided.uploaded_at
    results = [one.result for one in new.everywhere]
    trials = _rules(new, "shadow_hits")
    report.tracks += 1
    report.first, report.last = min(report.first or at, at), max(report.last or at, at)
    report.hits.update(_rules(new, "hits"))
    report.on_trial.update(trials)
    report.reviews["before"] += before.review_task_id is not None
    report.reviews["now"] += any(result.review for result in results)
    report.reviews["with_trials"] += any(result.would_review for result in results)
    flipped = list(_flips(_both(before, new)))
    report.flips.update(flipped)
    report.would_flip.update(
        _flips(
            {
                place: (one.result.actions, one.result.would_be)
                for one in new.everywhere
                for place in one.territories
            }
        )
    )
    distributor = current.event.upload.distributor or "(none)"
    report.by_distributor[distributor]["tracks"] += 1
    report.by_distributor[distributor].update({flip[0] for flip in flipped})
    if (flipped or trials) and len(report.changed) < NAMED:
        report.changed.append(
            {
                "track_id": before.track_id,
                "distributor": current.event.upload.distributor,
                "changes": list(map(_named, flipped)),
                "on_trial": trials,
            }
        )


def _rules(evaluation: TerritorialEvaluation, hits: Literal["hits", "shadow_hits"]) -> list[str]:
    """Return the rules that hold, or hold on trial, in any territory."""
    held = (hit.rule_id for one in evaluation.everywhere for hit in getattr(one.result, hits))
    return list(dict.fromkeys(held))


def _both(before: TrackDecided, new: TerritorialEvaluation) -> dict[str, tuple[Actions, Actions]]:
    """Return the actions before and after, in each territory that either names."""
    was = {name: one.actions for one in before.territorial for name in one.territories}
    now = {name: one.result.actions for one in new.everywhere for name in one.territories}
    return {
        name: (was.get(name, before.actions), now.get(name, new.default.result.actions))
        for name in (*now, *(was.keys() - now.keys()))
    }


def _flips(places: Mapping[str, tuple[Actions, Actions]]) -> Iterator[Flip]:
    changed: defaultdict[tuple[Dimension, str, str], list[str]] = defaultdict(list)
    for place, (was, now) in places.items():
        for dimension in was.differences(now):
            changed[dimension, getattr(was, dimension), getattr(now, dimension)].append(place)
    for difference, names in changed.items():
        yield (*difference, () if len(names) == len(places) else tuple(sorted(names)))


def _count_right(
    report: Report, bundle: Bundle, blind: TerritorialEvaluation, facts: Facts
) -> None:
    """Count the rules that hold without verdicts, and those that verdicts confirm."""
    held = {*_rules(blind, "hits"), *_rules(blind, "shadow_hits")}
    for rule in bundle.rules:
        truth = _truth(rule, facts)
        if rule.id in held and truth is not None:
            report.reviewed[rule.id] += 1
            report.right[rule.id] += truth


def _truth(rule: Rule, facts: Facts) -> bool | None:
    """Return whether people confirm a rule; None where they have no verdict about it.

    A rule that asks for a finding is right where people found that; any other where there is AI.
    """
    if rule.finding is not None:
        if rule.finding in facts.findings:
            return True
        return False if OPPOSITES[rule.finding] in facts.findings else None
    extent = extent_by_people(facts)
    return None if extent in (None, Extent.UNKNOWN) else extent is not Extent.NONE


def extent_by_people(facts: Facts) -> Extent | None:
    """Return the extent of AI by people; an appeal precedes a verdict."""
    outcome = facts.appeal and facts.appeal.outcome
    if outcome and outcome.extent is not None:
        return outcome.extent
    return None if facts.verdict is None else facts.verdict.extent or Extent.NONE
