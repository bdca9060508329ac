"""Types of a condition against the feature schema, checked before it is ever evaluated.

A comparison of a text with a number, or with a value that a feature never takes, is always
false. An unknown feature fails on the track that matters. Each is an error with its place.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from streams.policy.cel_patterns import finds
from streams.policy.cel_syntax import METHODS, Call, CelSyntaxError, Literal, Name, Node, is_null
from streams.policy.schema import FEATURES, Kind

Parameters = Mapping[str, str | float | bool]
PARAMS: Final = "params."


@dataclass(frozen=True)
class Type:
    """The type of a part of a condition; ``kind`` None is null."""

    kind: Kind | None
    values: tuple[str, ...] = ()
    missing: bool = False
    name: str = ""

    def __str__(self) -> str:
        return "null" if self.kind is None else f"a {self.kind.value}"


BOOL: Final = Type(Kind.BOOL)
NUMBER: Final = Type(Kind.NUMBER)
TEXT: Final = Type(Kind.TEXT)
# Operators with operands of one type: that type, and the type of the result.
_OPERATORS: Final = {
    **dict.fromkeys(("!", "&&", "||"), (BOOL, BOOL)),
    **dict.fromkeys(("<", "<=", ">", ">="), (NUMBER, BOOL)),
    **dict.fromkeys(("+", "-", "*", "/"), (NUMBER, NUMBER)),
}


def check(node: Node, params: Parameters) -> None:
    """Check a whole condition.

    Raises:
        CelSyntaxError: it does not yield true or false, or a part of it makes no sense.
    """
    actual = _type(node, params)
    _require(actual.kind is Kind.BOOL, node, f"a condition is true or false, and this is {actual}")


def unguarded(node: Node) -> list[Name]:
    """Return the features that may be missing and are read for more than being null."""
    match node:
        case Name(name=name):
            return [node] if name in FEATURES and FEATURES[name].missing else []
        case Call(_, "==" | "!=", operands) if any(map(is_null, operands)):
            return []
        case _:
            return [name for part in node.operands for name in unguarded(part)]


def _type(node: Node, params: Parameters) -> Type:
    match node:
        case Literal(value=value):
            return _constant(value)
        case Name():
            return _name(node, params)
        case Call(operator="?:"):
            return _choice(node, params)
        case Call(operator="[]"):
            return _items(node, params)
        case Call(operator="in"):
            return _in(node, params)
        case Call(operator="==" | "!="):
            return _equal(node, params)
        case Call(_, operator, operands) if operator in _OPERATORS:
            expected, result = _OPERATORS[operator]
            two = len(operands) == 2
            place = f"each side of {operator}" if two else f"what {operator} stands before"
            for operand in operands:
                _wants(operand, expected, params, place)
            return result
        case Call():
            return _size_or_method(node, params)


def _constant(value: str | float | bool | None) -> Type:
    if isinstance(value, str):
        return Type(Kind.TEXT, (value,))
    return BOOL if isinstance(value, bool) else Type(None) if value is None else NUMBER


def _name(node: Name, params: Parameters) -> Type:
    if node.name.startswith(PARAMS):
        name = node.name.removeprefix(PARAMS)
        if name not in params:
            problem = _unknown("parameter", name, params)
            raise CelSyntaxError(node.at, f"{problem}; parameters stand under params:")
        return _constant(params[name])
    feature = FEATURES.get(node.name)
    if feature is not None:
        return Type(feature.kind, feature.values, feature.missing, node.name)
    group = [name for name in FEATURES if name.startswith(f"{node.name}.")]
    if group:
        problem = f"{node.name!r} is a group; known in it: {', '.join(group)}"
    else:
        own = (f"{PARAMS}{name}" for name in params)
        problem = _unknown("feature", node.name, (*FEATURES, *own))
    raise CelSyntaxError(node.at, problem)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "see `earmark policy features`"
    return f"there is no {what} {name!r}; {advice}"


def _items(node: Call, params: Parameters) -> Type:
    words: list[str] = []
    for item in node.operands:
        actual = _type(item, params)
        _require(actual.kind is Kind.TEXT, item, "a list holds texts here")
        words += actual.values
    return Type(Kind.TEXTS, tuple(words))


def _choice(node: Call, params: Parameters) -> Type:
    test, *branches = node.operands
    _wants(test, BOOL, params, "what stands before ?")
    yes, no = (_type(branch, params) for branch in branches)
    _require(yes.kind is no.kind, node, "both sides of : must be of one type")
    return Type(yes.kind, (), yes.missing or no.missing)


def _size_or_method(node: Call, params: Parameters) -> Type:
    target, *arguments = node.operands
    kind = _type(target, params).kind
    if node.operator == "size":
        _require(kind in (Kind.TEXT, Kind.TEXTS), target, "size() counts texts and lists")
        return NUMBER
    _require(kind is Kind.TEXT, node, f"{'/'.join(METHODS)} belong to texts")
    _wants(arguments[0], TEXT, params, f"the argument of {node.operator}")
    if node.operator == "matches":
        _check_pattern(arguments[0], params)
    return BOOL


def _check_pattern(argument: Node, params: Parameters) -> None:
    """Refuse a regular expression that would fail only when a track comes."""
    match argument:
        case Literal(value=value):
            pattern = str(value)
        case Name(name=name) if name.startswith(PARAMS):
            pattern = str(params[name.removeprefix(PARAMS)])
        case _:
            raise CelSyntaxError(argument.at, "a regular expression is written out, or a parameter")
    try:
        finds(pattern, "")
    except ValueError as error:
        raise CelSyntaxError(argument.at, str(error)) from error


def _in(node: Call, params: Parameters) -> Type:
    word, words = node.operands
    left, right = _type(word, params), _type(words, params)
    _require(right.kind is Kind.TEXTS, words, 'what stands after `in` is a list: ["a", "b"]')
    _require(left.kind is Kind.TEXT, word, "what stands before `in` is a text")
    if isinstance(words, Call) and words.operator == "[]":
        _require(bool(words.operands), words, "nothing is in an empty list")
        for item in words.operands:
            _check_word(left, item)
    else:
        _check_word(right, word)
    return BOOL


def _equal(node: Call, params: Parameters) -> Type:
    first, second = node.operands
    left, right = _type(first, params), _type(second, params)
    kinds = {left.kind, right.kind}
    if None in kinds:
        other, operand = (right, second) if left.kind is None else (left, first)
        _require(other.missing, operand, "this is never null: leave the comparison out")
        return BOOL
    hint = ": a number is written without quotes" if kinds == {Kind.NUMBER, Kind.TEXT} else ""
    _require(len(kinds) == 1, node, f"{left} and {right} are never equal{hint}")
    lists = 'ask lists with `in`, or size(): "vocals" in label.components'
    _require(left.kind is not Kind.TEXTS, node, lists)
    _check_word(left, second)
    _check_word(right, first)
    return BOOL


def _check_word(of: Type, word: Node) -> None:
    """Refuse a word that a feature never takes."""
    if not of.name or not isinstance(word, Literal):
        return
    if of.values and word.value not in of.values:
        near = difflib.get_close_matches(str(word.value), of.values, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(of.values)}"
        raise CelSyntaxError(word.at, f"{of.name} is never {word.value!r}; {advice}")
    lowered = str(word.value).casefold()
    if of.name.endswith((".generator", ".tools")) and word.value != lowered:
        raise CelSyntaxError(word.at, f"{of.name} is in lower case: write {lowered!r}")


def _wants(node: Node, expected: Type, params: Parameters, place: str) -> None:
    actual = _type(node, params)
    _require(actual.kind is expected.kind, node, f"{place} is {expected}, and this is {actual}")


def _require(holds: bool, node: Node, problem: str) -> None:
    if not holds:
        raise CelSyntaxError(node.at, problem)
