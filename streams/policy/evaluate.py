"""The decision: which rules hold, and what follows from all of them together.

In each dimension the strictest value wins, unless a rule of higher priority lifts that dimension.
A licensed track bears no penalty but from rules with ``despite_licence``. Its badge, a fact, and
reviews stay, as they do while an appeal has interim relief. Rules on trial (``shadow``, canaries
outside of their share) are evaluated beside them; nothing follows from what they would change.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from streams.contract.records import Actions, Automation, Dimension, RuleHit
from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import FACTUAL, STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.facts import OPPOSITES
from streams.policy.rules import NEUTRAL, Rule, pending, spared
from streams.policy.satisfiability import beyond_the_detector
from streams.policy.schema import NO_AI, Value

SECOND_SIGNAL_QUEUE: Final = "second-signal"
SAMPLE_QUEUE: Final = "sample"


@dataclass(frozen=True)
class ReviewNeed:
    """Who must look: the queue of the most urgent rule, and why."""

    queue: str
    priority: int
    reason_codes: tuple[str, ...]
    sample: bool = False


@dataclass(frozen=True)
class Consequence:
    """What one rule does, softened, lifted or lapsed; else the features that it misses."""

    rule: Rule
    actions: Actions
    pending: bool = False
    missing: tuple[str, ...] = ()
    holds: bool = True


@dataclass(frozen=True)
class Evaluation:
    """The result of a policy for a track."""

    actions: Actions
    hits: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    reasons_internal: tuple[str, ...]
    review: ReviewNeed | None
    automation: Automation
    consequences: tuple[Consequence, ...] = ()
    missing_signals: tuple[str, ...] = ()
    shadow_hits: tuple[RuleHit, ...] = ()
    would_be: Actions = field(default_factory=Actions)
    would_review: bool = False
    switched_off: tuple[str, ...] = ()  # rules that would hold and are switched off

    def behind(self, dimension: Dimension) -> Rule | None:
        """Return the rule of highest priority whose value stands in a dimension."""
        value = getattr(self.actions, dimension)
        if value == getattr(NEUTRAL, dimension):
            return None
        holding = (one.rule for one in self.consequences
                   if getattr(one.actions, dimension) == value)  # fmt: skip
        return next(holding, None)


def restricted(actions: Actions) -> bool:
    """Whether any dimension but display is worse than the most lenient."""
    return any(dimension != FACTUAL for dimension in actions.differences(NEUTRAL))


def evaluate(
    values: Mapping[str, Value],
    bundle: Bundle,
    *,
    key: str | None = "",
    territory: str = WORLDWIDE,
    overrides: tuple[str, ...] = (),
    off: frozenset[str] = frozenset(),
    lapsed: frozenset[str] = frozenset(),
) -> Evaluation:
    """Return the result of ``bundle`` for a track with a full snapshot.

    ``key`` is the track's id; None: no track in particular, and no canary acts. Rules for other
    territories than ``territory`` are left out. ``overrides`` are the ids of those that apply,
    sorted; ``off`` the rules that are switched off; ``lapsed`` those whose consequences have run
    out.
    """
    off_or_overridden = off | {
        name for one in bundle.overrides if one.id in overrides for name in one.off
    }
    rules = [rule for rule in bundle.running if rule.is_for(territory)]
    all_held = list(_held(values, bundle, rules, overrides))
    held = [one for one in all_held if one.rule.id not in off_or_overridden]
    switched = tuple(one.rule.id for one in all_held if one.rule.id in off)
    acting = [one for one in held if one.rule.acts_on(key)]
    on_trial = [one for one in held if one.holds and not one.rule.acts_on(key)]
    result = _follow(values, acting, key, lapsed)
    would = _follow(values, held, key, lapsed) if on_trial else result
    return replace(
        result,
        shadow_hits=tuple(_hit(one, on_trial=True) for one in on_trial),
        would_be=would.actions,
        would_review=would.review is not None,
        switched_off=switched,
    )


def _held(
    values: Mapping[str, Value],
    bundle: Bundle,
    rules: Iterable[Rule],
    overrides: tuple[str, ...],
) -> Iterator[Consequence]:
    """Yield the rules that hold, in their order, with what they did not know."""
    conditions = bundle.conditions(overrides)
    for rule in rules:
        condition = conditions[rule.id]
        holds = condition.holds(values)
        if holds:
            yield Consequence(rule, rule.actions)
        elif holds is None:
            policy, missing = bundle.on_missing(rule), condition.missing(values)
            actions = rule.actions if policy == "match" else NEUTRAL
            yield Consequence(rule, actions, policy == "review", missing, holds=policy != "skip")


def _follow(
    values: Mapping[str, Value],
    held: Sequence[Consequence],
    key: str | None,
    lapsed: frozenset[str],
) -> Evaluation:
    missing = tuple(dict.fromkeys(name for one in held for name in one.missing))
    settled = [_settled(one, values, lapsed) for one in held if one.holds]
    actions = _strictest(settled)
    review = _review(settled, values, key)
    asks_people = values["review.by_person"] or (review is not None and not review.sample)
    public = (one.rule.public for one in settled if _contributes(one, actions))
    internal = [f"{one.rule.reason_code}: {one.rule.internal}" for one in settled
                if one.rule.internal]  # fmt: skip
    if missing:
        internal.append(f"not known: {', '.join(missing)}")
    return Evaluation(
        actions=actions,
        hits=tuple(map(_hit, settled)),
        reasons_public=tuple(dict.fromkeys(text for text in public if text)),
        reasons_internal=tuple(dict.fromkeys(internal)),
        review=review,
        automation="partially" if asks_people else "fully",
        consequences=tuple(settled),
        missing_signals=missing,
    )


def _settled(
    consequence: Consequence, values: Mapping[str, Value], lapsed: frozenset[str]
) -> Consequence:
    """Return a consequence as it stands: waiting for a person, lifted by a licence, run out."""
    rule, actions, waits = consequence.rule, consequence.actions, consequence.pending
    if rule.requires and not _decided_by_person(rule, values):
        if rule.finding is None and values["review.by_person"]:
            actions = spared(actions)  # a person has looked, and found no AI
        else:
            actions, waits = pending(actions), True
    elif rule.severe and not beyond_the_detector(values):
        # No bundle that loads comes here (``faults``); should one, a person decides.
        actions, waits = pending(actions), True
    licensed = bool(values["label.licensed"]) and not rule.despite_licence
    if licensed or values["review.interim_relief"] or rule.id in lapsed:
        badge = actions.display if rule.id not in lapsed else NEUTRAL.display
        actions = Actions(display=badge)
    return replace(consequence, actions=actions, pending=waits)


def _decided_by_person(rule: Rule, values: Mapping[str, Value]) -> bool:
    if rule.finding is not None:
        return rule.finding in _findings(values)
    return bool(values["review.by_person"]) and values["label.extent"] not in NO_AI


def _findings(values: Mapping[str, Value]) -> tuple[str, ...]:
    findings = values["review.findings"]
    return findings if isinstance(findings, tuple) else ()


def _strictest(settled: Sequence[Consequence]) -> Actions:
    chosen: dict[str, Any] = {}
    for dimension, order in STRICTNESS.items():
        lifts = [one.rule.priority for one in settled if dimension in one.rule.lifts]
        least = -1 if dimension == FACTUAL else max(lifts, default=-1)
        values = [getattr(one.actions, dimension) for one in settled if one.rule.priority >= least]
        chosen[dimension] = max(values, key=order.index, default=order[0])
    return Actions.model_construct(**chosen)


def _contributes(consequence: Consequence, actions: Actions) -> bool:
    """Whether a rule is behind any of the actions, or imposes none.

    The text of a rule with outdone or lifted consequences would be untrue.
    """
    if consequence.missing and consequence.pending:
        return False
    imposed = consequence.rule.actions.differences(NEUTRAL)
    return not imposed or any(
        getattr(consequence.actions, name) == getattr(actions, name) != getattr(NEUTRAL, name)
        for name in imposed
    )


def _hit(consequence: Consequence, *, on_trial: bool = False) -> RuleHit:
    rule = consequence.rule
    return RuleHit(
        rule_id=rule.id,
        rule_version=rule.version,
        reason_code=rule.reason_code,
        mode="shadow" if on_trial else "live" if rule.mode == "live" else "canary",
        pending=consequence.pending,
    )


def _asks(consequence: Consequence, values: Mapping[str, Value]) -> tuple[str, int] | None:
    """Return the queue and the priority of the review that a rule asks for."""
    rule = consequence.rule
    if rule.review is None:  # then it requires no person
        return (SECOND_SIGNAL_QUEUE, 80) if consequence.pending else None
    if rule.finding is None:
        settled = bool(values["review.by_person"])
    else:
        opposites = {rule.finding, OPPOSITES.get(rule.finding)}
        settled = not opposites.isdisjoint(_findings(values))
    return None if settled else (rule.review.queue, rule.review.priority)


def _review(
    settled: Sequence[Consequence], values: Mapping[str, Value], key: str | None
) -> ReviewNeed | None:
    asking = [(one.rule, need) for one in settled if (need := _asks(one, values)) is not None]
    if asking:
        # max keeps the first of equals, so the order of the rules settles a tie.
        queue, priority = max((need for _, need in asking), key=lambda need: need[1])
        return ReviewNeed(queue, priority, _codes(rule for rule, _ in asking))
    if values["review.by_person"]:
        return None
    sampled = [one.rule for one in settled if one.rule.sample_to_review and one.rule.sampled(key)]
    return ReviewNeed(SAMPLE_QUEUE, 20, _codes(sampled), sample=True) if sampled else None


def _codes(rules: Iterable[Rule]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.reason_code for rule in rules))
