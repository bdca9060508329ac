"""Back-test: how a policy would decide tracks that were decided.

The current decision of each track is compared with the decision of a bundle about the same analysis
and today's facts; nothing is stored. Precision counts the rules that hold without verdicts: a rule
that a verdict has settled no longer holds, so its errors would disappear.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from streams.contract.records import Actions, Dimension, Extent
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords, decide
from streams.policy.facts import OPPOSITES, Facts, Rulings
from streams.policy.rules import Rule
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts

PAGE = 500
NAMED = 1_000  # changed tracks


@dataclass
class Report:
    """The result; ``reviewed`` counts the tracks with verdicts by rule, ``right`` the confirmed."""

    tracks: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    on_trial: Counter[str] = field(default_factory=Counter)
    flips: Counter[tuple[Dimension, str, str]] = field(default_factory=Counter)
    would_flip: Counter[tuple[Dimension, str, str]] = field(default_factory=Counter)
    by_distributor: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    reviews: int = 0
    reviews_before: int = 0
    would_review: int = 0
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
            "flips": _flips(self.flips),
            "would_flip": _flips(self.would_flip),
            "by_distributor": {name: dict(counts) for name, counts in self.by_distributor.items()},
            "reviews": {
                "before": self.reviews_before,
                "now": self.reviews,
                "with_trials": self.would_review,
            },
            "precision": {
                rule: {"reviewed": count, "right": self.right[rule]}
                for rule, count in self.reviewed.most_common()
            },
            "changed": self.changed,
        }


def _flips(counts: Counter[tuple[Dimension, str, str]]) -> list[dict[str, Any]]:
    return [
        {"dimension": dimension, "from": was, "to": now, "tracks": count}
        for (dimension, was, now), count in counts.most_common()
    ]


def backtest(ledger: Ledger, bundle: Bundle, now: datetime, track_ids: Iterable[str]) -> Report:
    """Run a bundle over tracks of the ledger (see ``reopening.tracks_since``).

    Facts hold as of ``now``; at most ``NAMED`` changed tracks are named.
    """
    report, remaining = Report(), iter(track_ids)
    track_facts = TrackFacts(ledger)
    track_facts.registry(bundle.name, fresh=True)
    while page := list(islice(remaining, PAGE)):
        decisions = reopening.current_decisions(ledger, page)
        rulings = track_facts.rulings(list(decisions))
        for track_id, current in decisions.items():
            people = rulings.get(track_id, Rulings())
            facts = track_facts.combined(current.event, now, bundle.name, people)
            _count(report, current, decide(current.event, bundle, facts))
            if _extent(facts) is not None or facts.findings:
                blind = track_facts.combined(current.event, now, bundle.name, Rulings())
                _count_right(report, bundle, decide(current.event, bundle, blind), facts)
    return report


def _count(report: Report, current: reopening.CurrentDecision, new: DecisionRecords) -> None:
    before, decided, trial = current.decided, new.decided, new.shadowed
    trials = trial.rules if trial else ()
    needs_review = decided.review_task_id is not None
    at = before.uploaded_at
    report.tracks += 1
    report.first, report.last = min(report.first or at, at), max(report.last or at, at)
    report.hits.update(hit.rule_id for hit in decided.rules)
    report.on_trial.update(hit.rule_id for hit in trials)
    report.reviews_before += before.review_task_id is not None
    report.reviews += needs_review
    report.would_review += trial.would_review if trial else needs_review
    flipped = _differences(before.actions, decided.actions)
    report.flips.update(flipped)
    if trial:
        report.would_flip.update(_differences(decided.actions, trial.would_be))
    distributor = current.event.upload.distributor or "(none)"
    report.by_distributor[distributor]["tracks"] += 1
    for dimension, _, _ in flipped:
        report.by_distributor[distributor][dimension] += 1
    if (flipped or trials) and len(report.changed) < NAMED:
        report.changed.append(
            {
                "track_id": before.track_id,
                "distributor": current.event.upload.distributor,
                "changes": {name: [was, now] for name, was, now in flipped},
                "on_trial": [hit.rule_id for hit in trials],
            }
        )


def _count_right(report: Report, bundle: Bundle, blind: DecisionRecords, facts: Facts) -> None:
    """Count the rules that hold without verdicts, and those that verdicts confirm."""
    trials = blind.shadowed.rules if blind.shadowed else ()
    held = {hit.rule_id for hit in (*blind.decided.rules, *trials)}
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
    extent = _extent(facts)
    return None if extent in (None, Extent.UNKNOWN) else extent is not Extent.NONE


def _extent(facts: Facts) -> Extent | None:
    """Return the extent of AI by people; an appeal precedes a verdict."""
    outcome = facts.appeal and facts.appeal.outcome
    if outcome and outcome.extent is not None:
        return outcome.extent
    return None if facts.verdict is None else facts.verdict.extent or Extent.NONE


def _differences(was: Actions, now: Actions) -> list[tuple[Dimension, str, str]]:
    return [
        (dimension, getattr(was, dimension), getattr(now, dimension))
        for dimension in was.differences(now)
    ]
