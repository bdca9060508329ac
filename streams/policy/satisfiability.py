"""Whether a condition can hold: ever, and where only the detector speaks of AI.

Both questions are answered by trying: of every feature that a condition reads, values of
which at least one takes each way through it. Where there are too many combinations, what
stands beside ``&&`` and ``||`` is tried by itself, and what is still too much counts as
possible: a rule is refused rather than wrongly let through.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from streams.policy.cel_patterns import finds
from streams.policy.cel_syntax import (
    Binary,
    Call,
    Choice,
    Items,
    Literal,
    Name,
    Node,
    Unary,
    names,
    parts,
)
from streams.policy.cel_types import PARAMS, Parameters
from streams.policy.schema import ABOUT_THE_LABEL, FEATURES, NO_AI, Kind, Value

MAX_CASES: Final = 4_000
MATCHING: Final = "\x00matches "  # before a regular expression: some text that it finds
MISSING: Final = "missing"  # a feature that is null was read: the rule's on_missing decides


def holds(node: Node, values: Mapping[str, Value]) -> bool | str:
    """Evaluate a condition on one set of values, as CEL does: true, false or ``MISSING``."""
    result = _value(node, values)
    return MISSING if result is None else bool(result)


def reachable(node: Node, params: Parameters, *, on_missing: str | None) -> bool:
    """Whether any track at all can satisfy the condition, as far as can be told."""
    return _possible(node, params, on_missing, lambda name: _candidates(node, name, params))


def reachable_alone(node: Node, params: Parameters, *, on_missing: str | None) -> bool:
    """Whether a track can satisfy it about which only the detector says that it is AI.

    Either nobody else has said anything, or somebody has: that there is none.
    """

    def silent(name: str) -> Iterable[Value]:
        alone = FEATURES[name].alone
        return _candidates(node, name, params) if alone is None else alone

    def cleared(name: str) -> Iterable[Value]:
        if name == "label.extent":
            return NO_AI
        return _candidates(node, name, params) if name in ABOUT_THE_LABEL else silent(name)

    return any(_possible(node, params, on_missing, of) for of in (silent, cleared))


def beyond_the_detector(values: Mapping[str, Value]) -> bool:
    """Whether anything but the detector says that there is something the matter."""
    cleared = values["label.extent"] in NO_AI
    for name, feature in FEATURES.items():
        if feature.alone is None or name == "signals.independent":
            continue
        if cleared and name in ABOUT_THE_LABEL:
            continue
        value = values[name]
        if feature.kind is Kind.NUMBER:
            known = [one for one in feature.alone if isinstance(one, float)]
            if isinstance(value, float) and value > max(known, default=math.inf):
                return True
        elif (tuple(sorted(value)) if isinstance(value, tuple) else value) not in feature.alone:
            return True
    return False


def _possible(node: Node, params: Parameters, on_missing: str | None, of: Any) -> bool:
    read = sorted({one.name for one in names(node) if not one.name.startswith(PARAMS)})
    fixed = {f"{PARAMS}{name}": value for name, value in params.items()}
    domains = [tuple(dict.fromkeys(of(name))) for name in read]
    if math.prod(map(len, domains)) > MAX_CASES:
        return _folded(node, dict(zip(read, domains, strict=True)) | {
            name: (value,) for name, value in fixed.items()
        }, on_missing)  # fmt: skip
    for case in itertools.product(*domains):
        result = holds(node, fixed | dict(zip(read, case, strict=True)))
        if result is True or (result == MISSING and on_missing == "match"):
            return True
    return False


def _folded(node: Node, domains: Mapping[str, tuple[Value, ...]], on_missing: str | None) -> bool:
    """Answer for many features: side by side for ``&&`` and ``||``, each by itself."""
    match node:
        case Binary(_, "&&"):
            return all(_folded(side, domains, on_missing) for side in (node.left, node.right))
        case Binary(_, "||"):
            return any(_folded(side, domains, on_missing) for side in (node.left, node.right))
    read = sorted({one.name for one in names(node)})
    choices = [domains[name] for name in read]
    if math.prod(map(len, choices)) > MAX_CASES:
        return True
    for case in itertools.product(*choices):
        result = holds(node, dict(zip(read, case, strict=True)))
        if result is True or (result == MISSING and on_missing == "match"):
            return True
    return False


def _candidates(node: Node, name: str, params: Parameters) -> Iterable[Value]:
    """Return values of a feature of which at least one takes each way through a condition."""
    feature = FEATURES[name]
    missing: tuple[Value, ...] = (None,) if feature.missing else ()
    match feature.kind:
        case Kind.BOOL:
            return (True, False)
        case Kind.NUMBER:
            numbers = [float(one) for one in params.values() if _is_number(one)]
            marks = sorted({*_numbers(node), *numbers, 0.0})
            between = [(low + high) / 2 for low, high in itertools.pairwise(marks)]
            return (*marks, *between, marks[0] - 1.0, marks[-1] + 1.0, *missing)
        case Kind.TEXT:
            given_texts = [one for one in params.values() if isinstance(one, str)]
            candidates = (*_words(node), *given_texts, *(f"{MATCHING}{one}" for one in given_texts))
            words = feature.values or (*candidates, "\x00some other text")
            return (*words, *missing)
        case Kind.TEXTS:
            texts = [one for one in params.values() if isinstance(one, str)]
            words = feature.values or (*_words(node), *texts)
            return ((), *((word,) for word in words), tuple(words), ("\x00some other text",))


def _numbers(node: Node) -> Iterable[float]:
    if isinstance(node, Literal) and _is_number(node.value):
        yield float(node.value)  # type: ignore[arg-type]
    for part in parts(node):
        yield from _numbers(part)


def _words(node: Node) -> Iterable[str]:
    if isinstance(node, Literal) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, Call) and node.function == "matches" and isinstance(node.argument, Literal):
        yield f"{MATCHING}{node.argument.value}"
    for part in parts(node):
        yield from _words(part)


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _value(node: Node, values: Mapping[str, Value]) -> Any:
    """Return the value of a part; None where it hangs on a missing value."""
    match node:
        case Literal(value=value):
            return value
        case Name(name=name):
            return values[name]
        case Items(items=items):
            return tuple(_value(item, values) for item in items)
        case Unary(_, operator, operand):
            inner = _value(operand, values)
            return None if inner is None else (not inner if operator == "!" else -inner)
        case Choice(_, test, yes, no):
            decided = _value(test, values)
            return None if decided is None else _value(yes if decided else no, values)
        case Call():
            return _called(node, values)
        case Binary(_, "&&", left, right):
            sides = [_value(left, values), _value(right, values)]
            return False if False in sides else (None if None in sides else True)
        case Binary(_, "||", left, right):
            sides = [_value(left, values), _value(right, values)]
            return True if True in sides else (None if None in sides else False)
        case Binary(_, "==" | "!=" as operator, left, right):
            a, b = _value(left, values), _value(right, values)
            if (a is None or b is None) and not (_null(left) or _null(right)):
                return None
            same = a == b
            return same if operator == "==" else not same
        case Binary(_, operator, left, right):
            a, b = _value(left, values), _value(right, values)
            return None if a is None or b is None else _computed(operator, a, b)


def _null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _called(node: Call, values: Mapping[str, Value]) -> Any:
    target = _value(node.target, values)
    argument = None if node.argument is None else _value(node.argument, values)
    if target is None or (node.argument is not None and argument is None):
        return None
    match node.function:
        case "size":
            return float(len(target))
        case "startsWith":
            return target.startswith(argument)
        case "endsWith":
            return target.endswith(argument)
        case "contains":
            return argument in target
        case _:
            if target.startswith(MATCHING):
                return target == f"{MATCHING}{argument}"
            return finds(str(argument), target)


def _computed(operator: str, a: Any, b: Any) -> Any:
    match operator:
        case "in":
            return a in b
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case ">=":
            return a >= b
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case _:
            return a / b if b else math.copysign(math.inf, a) if a else math.nan
