"""The decision: which rules hold, and what follows from all of them together.

The strictest value wins in each dimension, whatever the order of the rules in the file.
Then the licence speaks: a track whose effective label is licensed bears no penalty, in
any dimension; its badge stays, because that is a fact. Reviews stay too: looking is no
penalty.
"""

from dataclasses import dataclass
from typing import Final, Literal

from streams.policy.bundle import Bundle
from streams.policy.features import Features
from streams.policy.rules import HUMAN_SOURCES, Rule
from streams.records import Actions, RuleHit

# Each dimension from lenient to strict.
STRICTNESS: Final = {
    "display": ("none", "partly_ai_badge", "ai_badge"),
    "recommendation": ("allow", "exclude_algorithmic", "exclude_all"),
    "availability": ("allow", "hold", "takedown"),
    "monetisation": ("allow", "hold", "exclude"),
    "profile": ("attach", "await_approval", "detach"),
}


@dataclass(frozen=True)
class ReviewNeed:
    """Who must look: the queue of the most urgent rule, and why."""

    queue: str
    priority: int
    reason_codes: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """What a policy says about a track."""

    actions: Actions
    hits: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    review: ReviewNeed | None
    automation: Literal["fully", "partially"]


def restricted(actions: Actions) -> bool:
    """Whether any dimension but display is worse than the most lenient."""
    return any(
        value != STRICTNESS[dimension][0] for dimension, value in actions if dimension != "display"
    )


def evaluate(features: Features, bundle: Bundle) -> Evaluation:
    """Return what ``bundle`` says about a track with these features."""
    matched = [rule for rule in bundle.ordered if rule.when.holds(features)]
    consequences = [rule.consequences(features.source) for rule in matched]
    actions = _strictest(consequences)
    if features.licensed:
        actions = Actions(display=actions.display)
    by_person = features.source in HUMAN_SOURCES
    review = None if by_person else _review(matched)
    return Evaluation(
        actions=actions,
        hits=tuple(
            RuleHit(rule_id=rule.id, rule_version=rule.version, reason_code=rule.reason_code)
            for rule in matched
        ),
        reasons_public=_public(matched, consequences, actions),
        review=review,
        automation="partially" if by_person or review else "fully",
    )


def _strictest(consequences: list[Actions]) -> Actions:
    return Actions.model_validate(
        {
            dimension: max(
                (getattr(one, dimension) for one in consequences),
                key=order.index,
                default=order[0],
            )
            for dimension, order in STRICTNESS.items()
        }
    )


def _public(matched: list[Rule], consequences: list[Actions], actions: Actions) -> tuple[str, ...]:
    """Return the texts of the rules that had a say in the outcome, each once.

    A rule that only states something always has; one whose consequences were outdone by
    stricter ones or lifted by a licence has not, and its text would be untrue.
    """
    neutral = Actions()
    texts: dict[str, None] = {}
    for rule, wanted in zip(matched, consequences, strict=True):
        effects = [(name, value) for name, value in wanted if value != getattr(neutral, name)]
        if rule.public and (
            not effects or any(getattr(actions, name) == value for name, value in effects)
        ):
            texts[rule.public] = None
    return tuple(texts)


def _review(matched: list[Rule]) -> ReviewNeed | None:
    asking = [(rule, rule.review) for rule in matched if rule.review is not None]
    if not asking:
        return None
    # max keeps the first of equals, so the order of the rules settles a tie.
    first = max((review for _, review in asking), key=lambda review: review.priority)
    return ReviewNeed(
        queue=first.queue,
        priority=first.priority,
        reason_codes=tuple(dict.fromkeys(rule.reason_code for rule, _ in asking)),
    )
