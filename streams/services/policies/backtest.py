"""Back-test: what a policy would have said about tracks that were decided.

The standing decision of each track is compared with what the given bundle says about the same
analysis and the same facts as they are now. Nothing is written. Rules on trial are counted
beside, with what they would change.

For precision the bundle is asked once more without what people said: once a reviewer has settled
a label, the rules that wrongly held before do not hold any more and would be right for ever.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass
class Report:
    """What came of it; ``reviewed`` counts tracks on which people have spoken."""

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
            "by_distributor": {name: dict(found) for name, found in self.by_distributor.items()},
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


def backtest(
    ledger: Ledger, bundle: Bundle, now: datetime, track_ids: Iterable[str], keep: int = 1_000
) -> Report:
    """Run a bundle over tracks as they stand in the ledger.

    Args:
        ledger: where they are.
        bundle: the policy.
        now: as of when facts hold.
        track_ids: which; see ``reopening.tracks_since``.
        keep: how many changed tracks to name.
    """
    report = Report()
    standing = TrackFacts(ledger)
    standing.registry(bundle.name, fresh=True)
    for page in _pages(track_ids):
        stands = reopening.current_decisions(ledger, page)
        rulings = standing.rulings(list(stands))
        for track_id, current in stands.items():
            people = rulings.get(track_id, Rulings())
            facts = standing.combined(current.event, now, bundle.name, people)
            _count(report, current, decide(current.event, bundle, facts), keep)
            if _extent(facts) is not None or facts.findings:
                blind = standing.combined(current.event, now, bundle.name, Rulings())
                _judge(report, bundle, decide(current.event, bundle, blind), facts)
    return report


def _pages(items: Iterable[str]) -> Iterator[list[str]]:
    page: list[str] = []
    for item in items:
        page.append(item)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _count(
    report: Report, current: reopening.CurrentDecision, new: DecisionRecords, keep: int
) -> None:
    before, decided = current.decided, new.decided
    report.tracks += 1
    at = before.uploaded_at
    report.first = at if report.first is None else min(report.first, at)
    report.last = at if report.last is None else max(report.last, at)
    report.hits.update(hit.rule_id for hit in decided.rules)
    trials = () if new.shadowed is None else new.shadowed.rules
    report.on_trial.update(hit.rule_id for hit in trials)
    report.reviews_before += before.review_task_id is not None
    report.reviews += decided.review_task_id is not None
    would = decided.actions if new.shadowed is None else new.shadowed.would_be
    report.would_review += (
        decided.review_task_id is not None if new.shadowed is None else new.shadowed.would_review
    )
    flipped = _differences(before.actions, decided.actions)
    report.flips.update(flipped)
    report.would_flip.update(_differences(decided.actions, would))
    distributor = current.event.upload.distributor or "(none)"
    report.by_distributor[distributor]["tracks"] += 1
    for dimension, _, _ in flipped:
        report.by_distributor[distributor][dimension] += 1
    if (flipped or trials) and len(report.changed) < keep:
        report.changed.append(
            {
                "track_id": before.track_id,
                "distributor": current.event.upload.distributor,
                "changes": {name: [was, now] for name, was, now in flipped},
                "on_trial": [hit.rule_id for hit in trials],
            }
        )


def _judge(report: Report, bundle: Bundle, blind: DecisionRecords, facts: Facts) -> None:
    """Count which rules held before anybody looked, and which of them people bear out."""
    trials = () if blind.shadowed is None else blind.shadowed.rules
    held = {hit.rule_id for hit in (*blind.decided.rules, *trials)}
    for rule in bundle.rules:
        truth = _truth(rule, facts)
        if rule.id in held and truth is not None:
            report.reviewed[rule.id] += 1
            report.right[rule.id] += truth


def _truth(rule: Rule, facts: Facts) -> bool | None:
    """Whether people say that a rule is right; None where nobody has said.

    A rule that asks for a finding is right where that was found. Of all others a person can
    only say whether there is AI.
    """
    if rule.finding is not None:
        if rule.finding in facts.findings:
            return True
        return False if OPPOSITES[rule.finding] in facts.findings else None
    extent = _extent(facts)
    return None if extent in (None, Extent.UNKNOWN) else extent is not Extent.NONE


def _extent(facts: Facts) -> Extent | None:
    """How much AI people say there is; an appeal's word is the last."""
    if facts.appeal is not None and facts.appeal.outcome is not None:
        extent = facts.appeal.outcome.extent
        if extent is not None:
            return extent
    return None if facts.verdict is None else facts.verdict.extent or Extent.NONE


def _differences(was: Actions, now: Actions) -> list[tuple[Dimension, str, str]]:
    return [
        (dimension, getattr(was, dimension), getattr(now, dimension))
        for dimension in was.differences(now)
    ]
