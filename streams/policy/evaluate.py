"""The decision: which rules hold, and what follows from all of them together.

A pure function of a snapshot, a bundle and the track's key (which only chooses canaries and
samples). In each dimension the strictest value wins, whatever the order of the rules in the
file, unless a rule of higher priority lifts that dimension. Then the licence speaks: a licensed
track bears no penalty but from rules that say ``despite_licence``; its badge stays, because
that is a fact. While an appeal has interim relief, only the badge stays as well. Reviews stay
too: looking is no penalty.

Rules on trial (``shadow``, and canaries outside of their share) are evaluated beside: what
they would change is said, and nothing follows from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from streams.contract.records import Actions, Dimension, RuleHit
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
    """What one rule does, as it stands: softened, lifted, lapsed."""

    rule: Rule
    actions: Actions
    pending: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What a policy says about a track."""

    actions: Actions
    hits: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    reasons_internal: tuple[str, ...]
    review: ReviewNeed | None
    automation: Literal["fully", "partially", "none"]
    consequences: tuple[Consequence, ...] = ()
    missing_signals: tuple[str, ...] = ()
    shadow_hits: tuple[RuleHit, ...] = ()
    would_be: Actions = field(default_factory=Actions)
    would_review: bool = False
    closed: tuple[str, ...] = ()  # rules that would hold and are switched off

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
    return any(
        getattr(actions, dimension) != order[0]
        for dimension, order in STRICTNESS.items()
        if dimension != FACTUAL
    )


def evaluate(
    values: Mapping[str, Value],
    bundle: Bundle,
    *,
    key: str | None = "",
    overrides: tuple[str, ...] = (),
    off: frozenset[str] = frozenset(),
    lapsed: frozenset[str] = frozenset(),
) -> Evaluation:
    """Return what ``bundle`` says about a track.

    Args:
        values: a full snapshot.
        bundle: the policy.
        key: the track's id; None: no track in particular, and no canary acts.
        overrides: ids of the overrides that apply, sorted.
        off: rules that are switched off.
        lapsed: rules whose consequences have run out.
    """
    closed = off | {name for one in bundle.overrides if one.id in overrides for name in one.off}
    all_held = _held(values, bundle, overrides)
    held = [one for one in all_held if one.rule.id not in closed]
    switched = tuple(one.rule.id for one in all_held if one.rule.id in off)
    acting = [one for one in held if one.rule.acts_on(key)]
    on_trial = [one for one in held if not one.rule.acts_on(key) and not _skipped(bundle, one)]
    result = _follow(values, bundle, acting, key, lapsed)
    if not on_trial:
        reviewed = result.review is not None
        return replace(result, would_be=result.actions, would_review=reviewed, closed=switched)
    would = _follow(values, bundle, held, key, lapsed)
    return replace(
        result,
        shadow_hits=tuple(_hit(one, "shadow") for one in on_trial),
        would_be=would.actions,
        would_review=would.review is not None,
        closed=switched,
    )


def _held(
    values: Mapping[str, Value], bundle: Bundle, overrides: tuple[str, ...]
) -> list[Consequence]:
    """Return the rules that hold, in their order, with what they did not know."""
    conditions = bundle.conditions(overrides)
    consequences = []
    for rule in bundle.running:
        condition = conditions[rule.id]
        holds = condition.holds(values)
        if holds:
            consequences.append(Consequence(rule, rule.actions))
        elif holds is None:
            missing = condition.missing(values)
            match bundle.on_missing(rule):
                case "match":
                    consequences.append(Consequence(rule, rule.actions, missing=missing))
                case "review":
                    consequences.append(Consequence(rule, NEUTRAL, pending=True, missing=missing))
                case _:
                    consequences.append(Consequence(rule, NEUTRAL, missing=missing))
    return consequences


def _skipped(bundle: Bundle, consequence: Consequence) -> bool:
    return (
        bool(consequence.missing)
        and not consequence.pending
        and bundle.on_missing(consequence.rule) == "skip"
    )


def _follow(
    values: Mapping[str, Value],
    bundle: Bundle,
    held: Sequence[Consequence],
    key: str | None,
    lapsed: frozenset[str],
) -> Evaluation:
    missing = tuple(dict.fromkeys(name for one in held for name in one.missing))
    matched = [one for one in held if not _skipped(bundle, one)]
    settled = [_settled(one, values, lapsed) for one in matched]
    actions = _strictest(settled)
    review = _review(settled, values, key)
    by_person = bool(values["review.by_person"])
    return Evaluation(
        actions=actions,
        hits=tuple(_hit(one, "live" if one.rule.mode == "live" else "canary") for one in settled),
        reasons_public=_public(settled, actions),
        reasons_internal=_internal(settled, missing),
        review=review,
        automation="partially" if by_person or (review and not review.sample) else "fully",
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
    elif rule.severe and not rule.requires and not beyond_the_detector(values):
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
        lifted = max(
            (one.rule.priority for one in settled if dimension in one.rule.lifts), default=-1
        )
        chosen[dimension] = max(
            (
                getattr(one.actions, dimension)
                for one in settled
                if one.rule.priority >= lifted or dimension == FACTUAL
            ),
            key=order.index,
            default=order[0],
        )
    return Actions.model_construct(**chosen)


def _public(settled: Iterable[Consequence], actions: Actions) -> tuple[str, ...]:
    """Return the texts of the rules that had a say in the outcome, each once.

    A rule that only states something always has; one whose consequences were outdone by
    stricter ones or lifted by a licence has not, and its text would be untrue.
    """
    texts: dict[str, None] = {}
    for consequence in settled:
        if consequence.rule.public and has_a_say(consequence, actions):
            texts[consequence.rule.public] = None
    return tuple(texts)


def has_a_say(consequence: Consequence, actions: Actions) -> bool:
    """Whether a rule stands behind any of the actions, or wanted none."""
    if consequence.missing and consequence.pending:
        return False
    imposed = consequence.rule.actions.differences(NEUTRAL)
    return not imposed or any(
        getattr(consequence.actions, name) == getattr(actions, name) != getattr(NEUTRAL, name)
        for name in imposed
    )


def _internal(settled: Iterable[Consequence], missing: Sequence[str]) -> tuple[str, ...]:
    texts = [f"{one.rule.reason_code}: {one.rule.internal}" for one in settled if one.rule.internal]
    if missing:
        texts.append(f"not known: {', '.join(missing)}")
    return tuple(dict.fromkeys(texts))


def _hit(consequence: Consequence, mode: Literal["live", "canary", "shadow"]) -> RuleHit:
    return RuleHit(
        rule_id=consequence.rule.id,
        rule_version=consequence.rule.version,
        reason_code=consequence.rule.reason_code,
        mode=mode,
        pending=consequence.pending,
    )


def _asks(consequence: Consequence, values: Mapping[str, Value]) -> tuple[str, int] | None:
    """Return the queue and the priority of the review that a rule asks for."""
    rule = consequence.rule
    if rule.requires is None:
        return (SECOND_SIGNAL_QUEUE, 80) if consequence.pending else None
    if rule.review is None:
        return None
    if rule.finding is not None:
        findings = _findings(values)
        settled = rule.finding in findings or OPPOSITES.get(rule.finding) in findings
        return None if settled else (rule.review.queue, rule.review.priority)
    return None if values["review.by_person"] else (rule.review.queue, rule.review.priority)


def _review(
    settled: Sequence[Consequence], values: Mapping[str, Value], key: str | None
) -> ReviewNeed | None:
    asking = [(one.rule, need) for one in settled if (need := _asks(one, values)) is not None]
    if asking:
        # max keeps the first of equals, so the order of the rules settles a tie.
        queue, priority = max((need for _, need in asking), key=lambda need: need[1])
        codes = tuple(dict.fromkeys(rule.reason_code for rule, _ in asking))
        return ReviewNeed(queue, priority, codes)
    if values["review.by_person"]:
        return None
    sampled = [one.rule for one in settled if one.rule.sample_to_review and one.rule.sampled(key)]
    if sampled:
        codes = tuple(dict.fromkeys(rule.reason_code for rule in sampled))
        return ReviewNeed(SAMPLE_QUEUE, 20, codes, sample=True)
    return None
