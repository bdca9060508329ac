"""Whether a condition can hold: ever, and where only the detector finds AI.

Both questions are answered by evaluation. Every feature that a condition reads takes values of
which at least one takes each way through the condition. Where there are too many combinations,
the sides of ``&&`` and ``||`` are evaluated apart. What is still too much counts as possible:
a rule is refused rather than wrongly accepted.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from streams.policy.cel_syntax import Call, Literal, Node, names, walk
from streams.policy.cel_types import PARAMS, Parameters
from streams.policy.conditions import MATCHING, Condition, function_of
from streams.policy.schema import ABOUT_THE_LABEL, FEATURES, NO_AI, Kind, Value

MAX_CASES: Final = 4_000


def reachable(condition: Condition, on_missing: str | None) -> bool:
    """Whether any track at all can satisfy the condition, as far as can be known."""
    return _possible(condition.tree, condition.params, on_missing, partial(_candidates, condition))


def reachable_alone(condition: Condition, on_missing: str | None) -> bool:
    """Whether a track can satisfy it of which only the detector finds that it is AI.

    The other sources are silent, or they state that there is no AI.
    """

    def silent(name: str) -> Iterable[Value]:
        alone = FEATURES[name].alone
        return _candidates(condition, name) if alone is None else alone

    def cleared(name: str) -> Iterable[Value]:
        if name == "label.extent":
            return NO_AI
        return _candidates(condition, name) if name in ABOUT_THE_LABEL else silent(name)

    node, params = condition.tree, condition.params
    return any(_possible(node, params, on_missing, of) for of in (silent, cleared))


def beyond_the_detector(values: Mapping[str, Value]) -> bool:
    """Whether any source but the detector gives a reason for a consequence."""
    cleared = values["label.extent"] in NO_AI
    for name, feature in FEATURES.items():
        ignored = name == "signals.independent" or (cleared and name in ABOUT_THE_LABEL)
        if feature.alone is None or ignored:
            continue
        value = values[name]
        if feature.kind is Kind.NUMBER:
            known = [one for one in feature.alone if isinstance(one, float)]
            if isinstance(value, float) and value > max(known, default=math.inf):
                return True
        elif (tuple(sorted(value)) if isinstance(value, tuple) else value) not in feature.alone:
            return True
    return False


def _possible(
    node: Node,
    params: Parameters,
    on_missing: str | None,
    values_of: Callable[[str], Iterable[Value]],
    *,
    apart: bool = False,
) -> bool:
    """Whether a node can hold; ``apart``: its sides are evaluated apart in any case."""
    read = sorted({one.name for one in names(node) if not one.name.startswith(PARAMS)})
    domains = [tuple(dict.fromkeys(values_of(name))) for name in read]
    too_many = math.prod(map(len, domains)) > MAX_CASES
    if (too_many or apart) and isinstance(node, Call) and node.operator in ("&&", "||"):
        both = all if node.operator == "&&" else any
        return both(
            _possible(side, params, on_missing, values_of, apart=True) for side in node.operands
        )
    if too_many:
        return True
    holds = function_of(node, params)
    results = (holds(dict(zip(read, case, strict=True))) for case in itertools.product(*domains))
    return any(on_missing == "match" if result is None else result for result in results)


def _candidates(condition: Condition, name: str) -> Iterable[Value]:
    """Return values of a feature of which at least one takes each way through a condition."""
    feature = FEATURES[name]
    missing: tuple[Value, ...] = (None,) if feature.missing else ()
    literals = [part.value for part in walk(condition.tree) if isinstance(part, Literal)]
    constants = [*literals, *condition.params.values()]
    texts = [one for one in constants if isinstance(one, str)]
    match feature.kind:
        case Kind.BOOL:
            return (True, False)
        case Kind.NUMBER:
            marks = sorted({0.0, *(one for one in constants if isinstance(one, float))})
            between = [(low + high) / 2 for low, high in itertools.pairwise(marks)]
            return (*marks, *between, marks[0] - 1.0, marks[-1] + 1.0, *missing)
        case Kind.TEXT:
            patterns = _patterns(condition)
            candidates = (*texts, *(f"{MATCHING}{one}" for one in patterns), "\x00some other text")
            return (*(feature.values or candidates), *missing)
        case Kind.TEXTS:
            words = feature.values or tuple(texts)
            return ((), *((word,) for word in words), words, ("\x00some other text",))


def _patterns(condition: Condition) -> Iterable[str]:
    """Yield the regular expressions that a condition matches, and texts that may be some."""
    for part in walk(condition.tree):
        match part:
            case Call(_, "matches", (_, Literal(value=str() as pattern))):
                yield pattern
    yield from (one for one in condition.params.values() if isinstance(one, str))
