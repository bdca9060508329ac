"""What a model would change: its answers beside another's, about the same stored observations.

Both answers go through the running policy with today's facts, as a back-test does. Nothing is
stored. Only tracks that both models have answered count (``earmark rescore --shadow``).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from streams.contract.records import Analysis, Extent, Outcome, TrackClassified
from streams.policy.bundle import Bundle
from streams.policy.facts import Facts, Rulings
from streams.policy.territories import TerritorialEvaluation, evaluate_territories
from streams.services.policies.backtest import extent_by_people
from streams.store import reopening, rescores
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts

PAGE: Final = 500
NAMED: Final = 1_000  # tracks whose outcome differs
UNNAMED: Final = "(none)"
TO_AI, FROM_AI, OTHER = "to AI", "from AI", "other"


@dataclass
class Comparison:
    """The result. Flips are counted as ``to AI``, ``from AI`` and ``other``.

    ``reviews`` and ``contradicted`` have a count for each of ``old`` and ``new``: review tasks, and
    tracks about which the model contradicts people, by what it states.
    """

    tracks: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    flips: Counter[str] = field(default_factory=Counter)
    by_generator: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    by_deliverer: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    actions: Counter[str] = field(default_factory=Counter)
    reviews: Counter[str] = field(default_factory=lambda: Counter(old=0, new=0))
    reviewed: int = 0
    contradicted: dict[str, Counter[str]] = field(
        default_factory=lambda: {"old": Counter(), "new": Counter()}
    )
    changed: list[dict[str, Any]] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "tracks": self.tracks,
            "outcomes": [
                {"from": was, "to": now, "tracks": count}
                for (was, now), count in self.outcomes.most_common()
            ],
            "flips": dict(self.flips),
            "by_generator": {name: dict(counts) for name, counts in self.by_generator.items()},
            "by_deliverer": {name: dict(counts) for name, counts in self.by_deliverer.items()},
            "actions": dict(self.actions.most_common()),
            "reviews": dict(self.reviews),
            "reviewed": self.reviewed,
            "contradicted": {model: dict(counts) for model, counts in self.contradicted.items()},
            "changed": self.changed,
        }


def compare(
    ledger: Ledger, bundle: Bundle, old: str, new: str, now: datetime, track_ids: Iterable[str]
) -> Comparison:
    """Compare two models, given by their digests, over tracks of the ledger."""
    result, remaining = Comparison(), iter(track_ids)
    track_facts = TrackFacts(ledger)
    while page := list(islice(remaining, PAGE)):
        decisions = reopening.current_decisions(ledger, page)
        uploads = [one.event.upload_id for one in decisions.values()]
        answers = rescores.answers(ledger, uploads, old, new)
        rulings = track_facts.rulings(list(decisions))
        for track_id, current in decisions.items():
            by_model = answers.get(current.event.upload_id, {})
            if old in by_model and new in by_model:
                people = rulings.get(track_id, Rulings())
                facts = track_facts.facts(current.event, now, bundle.name, people)
                _count(result, current.event, facts, bundle, by_model[old], by_model[new])
    return result


def _count(
    result: Comparison,
    event: TrackClassified,
    facts: Facts,
    bundle: Bundle,
    old: Analysis,
    new: Analysis,
) -> None:
    deliverer = event.upload.distributor or UNNAMED
    result.tracks += 1
    result.by_deliverer[deliverer]["tracks"] += 1
    before, after = (
        evaluate_territories(event.model_copy(update={"analysis": one}), facts, bundle)
        for one in (old, new)
    )
    result.reviews["old"] += _needs_review(before)
    result.reviews["new"] += _needs_review(after)
    was, becomes = before.default.result.actions, after.default.result.actions
    result.actions.update(
        f"{name}: {getattr(was, name)} -> {getattr(becomes, name)}"
        for name in was.differences(becomes)
    )
    people = extent_by_people(facts)
    if people not in (None, Extent.UNKNOWN):
        result.reviewed += 1
        for model, analysis in (("old", old), ("new", new)):
            if stated := _contradiction(analysis.outcome, people):
                result.contradicted[model][stated] += 1
    if old.outcome == new.outcome:
        return
    flip = OTHER if old.outcome.finds_ai == new.outcome.finds_ai else FROM_AI
    if flip == FROM_AI and new.outcome.finds_ai:
        flip = TO_AI
    generator = new.generator or old.generator or UNNAMED
    result.outcomes[old.outcome.value, new.outcome.value] += 1
    result.flips[flip] += 1
    result.by_generator[generator][flip] += 1
    result.by_deliverer[deliverer][flip] += 1
    if len(result.changed) < NAMED:
        result.changed.append(
            {
                "track_id": event.track_id,
                "deliverer": deliverer,
                "generator": generator,
                "flip": flip,
                "from": old.outcome.value,
                "to": new.outcome.value,
                "p_values": [old.p_value, new.p_value],
            }
        )


def _needs_review(evaluation: TerritorialEvaluation) -> bool:
    return any(one.result.review is not None for one in evaluation.everywhere)


def _contradiction(outcome: Outcome, people: Extent | None) -> str | None:
    """Return what a model states against people; None: nothing."""
    if people is Extent.NONE:
        return "AI, and people say none" if outcome.finds_ai else None
    return "no trace, and people say AI" if outcome is Outcome.NO_TRACE else None
