"""Whether a condition makes sense: its types against the feature schema, before it ever runs.

A condition that compares a text with a number, asks for a word that a feature never takes,
or reads a feature that does not exist would be false for ever, or fail on the one track that
matters. Here it is an error with its place.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.policy.cel_patterns import NoPattern, finds
from streams.policy.cel_syntax import (
    METHODS,
    Binary,
    Call,
    CelSyntaxError,
    Choice,
    Items,
    Literal,
    Name,
    Node,
    Unary,
    parts,
)
from streams.policy.schema import FEATURES, Kind

Parameters = Mapping[str, str | float | bool]
PARAMS: Final = "params."
ORDERED: Final = ("<", "<=", ">", ">=")


@dataclass(frozen=True)
class Type:
    """What a part of a condition yields; ``kind`` None is null."""

    kind: Kind | None
    values: tuple[str, ...] = ()
    missing: bool = False
    name: str = ""


BOOL: Final = Type(Kind.BOOL)
NUMBER: Final = Type(Kind.NUMBER)
TEXT: Final = Type(Kind.TEXT)


def check(node: Node, params: Parameters) -> None:
    """Check a whole condition.

    Raises:
        CelSyntaxError: it does not yield true or false, or a part of it makes no sense.
    """
    actual = _type(node, params)
    if actual.kind is not Kind.BOOL:
        description = "null" if actual.kind is None else f"a {actual.kind.value}"
        raise CelSyntaxError(node.at, f"a condition is true or false, and this is {description}")


def unguarded(node: Node) -> list[Name]:
    """Return the features that may be missing and are read for more than being null."""
    match node:
        case Name():
            feature = FEATURES.get(node.name)
            return [node] if feature is not None and feature.missing else []
        case Binary(_, "==" | "!=", left, right) if _null(left) or _null(right):
            return []
        case _:
            return [name for part in parts(node) for name in unguarded(part)]


def _null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _type(node: Node, params: Parameters) -> Type:
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return _name(node, params)
        case Items():
            return _items(node, params)
        case Unary():
            return _unary(node, params)
        case Choice():
            return _choice(node, params)
        case Call():
            return _call(node, params)
        case Binary(_, "&&" | "||"):
            for side in (node.left, node.right):
                _wants(side, BOOL, params, f"each side of {node.operator}")
            return BOOL
        case Binary(_, "in"):
            return _in(node, params)
        case Binary(_, "==" | "!="):
            return _equal(node, params)
        case Binary(_, operator) if operator in ORDERED:
            for side in (node.left, node.right):
                _wants(side, NUMBER, params, f"each side of {operator}")
            return BOOL
        case Binary():
            for side in (node.left, node.right):
                _wants(side, NUMBER, params, f"each side of {node.operator}")
            return NUMBER


def _literal(node: Literal) -> Type:
    match node.value:
        case bool():
            return BOOL
        case float():
            return NUMBER
        case str():
            return Type(Kind.TEXT, (node.value,))
        case _:
            return Type(None)


def _name(node: Name, params: Parameters) -> Type:
    if node.name.startswith(PARAMS):
        name = node.name.removeprefix(PARAMS)
        if name not in params:
            raise CelSyntaxError(
                node.at, _unknown("parameter", name, params) + "; parameters stand under params:"
            )
        return _literal(Literal(node.at, params[name]))
    feature = FEATURES.get(node.name)
    if feature is None:
        group = [name for name in FEATURES if name.startswith(f"{node.name}.")]
        if group:
            raise CelSyntaxError(
                node.at, f"{node.name!r} is a group; known in it: {', '.join(group)}"
            )
        own = {f"{PARAMS}{name}": value for name, value in params.items()}
        raise CelSyntaxError(node.at, _unknown("feature", node.name, {**FEATURES, **own}))
    return Type(feature.kind, feature.values, feature.missing, node.name)


def _unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "see `earmark policy features`"
    return f"there is no {what} {name!r}; {advice}"


def _items(node: Items, params: Parameters) -> Type:
    words: list[str] = []
    for item in node.items:
        actual = _type(item, params)
        if actual.kind is not Kind.TEXT:
            raise CelSyntaxError(item.at, "a list holds texts here")
        words += actual.values
    return Type(Kind.TEXTS, tuple(words))


def _unary(node: Unary, params: Parameters) -> Type:
    expected = BOOL if node.operator == "!" else NUMBER
    _wants(node.operand, expected, params, f"what {node.operator} stands before")
    return expected


def _choice(node: Choice, params: Parameters) -> Type:
    _wants(node.test, BOOL, params, "what stands before ?")
    yes, no = _type(node.yes, params), _type(node.no, params)
    if yes.kind is not no.kind:
        raise CelSyntaxError(node.at, "both sides of : must be of one type")
    return Type(yes.kind, (), yes.missing or no.missing)


def _call(node: Call, params: Parameters) -> Type:
    target = _type(node.target, params)
    if node.function == "size":
        if target.kind not in (Kind.TEXT, Kind.TEXTS):
            raise CelSyntaxError(node.target.at, "size() counts texts and lists")
        return NUMBER
    if target.kind is not Kind.TEXT:
        raise CelSyntaxError(node.at, f"{'/'.join(METHODS)} belong to texts")
    assert node.argument is not None  # noqa: S101 - methods have one
    _wants(node.argument, TEXT, params, f"the argument of {node.function}")
    if node.function == "matches":
        _regular(node.argument, params)
    return BOOL


def _regular(argument: Node, params: Parameters) -> None:
    """Refuse what would fail only when a track comes."""
    match argument:
        case Literal(value=value):
            pattern = str(value)
        case Name(name=name) if name.startswith(PARAMS):
            pattern = str(params[name.removeprefix(PARAMS)])
        case _:
            raise CelSyntaxError(argument.at, "a regular expression is written out, or a parameter")
    try:
        finds(pattern, "")
    except NoPattern as error:
        raise CelSyntaxError(argument.at, str(error)) from error


def _in(node: Binary, params: Parameters) -> Type:
    left, right = _type(node.left, params), _type(node.right, params)
    if right.kind is not Kind.TEXTS:
        raise CelSyntaxError(node.right.at, 'what stands after `in` is a list: ["a", "b"]')
    if left.kind is not Kind.TEXT:
        raise CelSyntaxError(node.left.at, "what stands before `in` is a text")
    if isinstance(node.right, Items):
        for item in node.right.items:
            _taken(left, item)
        if not node.right.items:
            raise CelSyntaxError(node.right.at, "nothing is in an empty list")
    elif isinstance(node.left, Literal):
        _taken(right, node.left)
    return BOOL


def _equal(node: Binary, params: Parameters) -> Type:
    left, right = _type(node.left, params), _type(node.right, params)
    if left.kind is None or right.kind is None:
        other, at = (right, node.right.at) if left.kind is None else (left, node.left.at)
        if not other.missing:
            raise CelSyntaxError(at, "this is never null: leave the comparison out")
        return BOOL
    if left.kind is not right.kind:
        raise CelSyntaxError(
            node.at,
            f"a {left.kind.value} and a {right.kind.value} are never equal"
            + (": a number is written without quotes" if Kind.NUMBER in (left.kind, right.kind)
               and Kind.TEXT in (left.kind, right.kind) else ""),
        )  # fmt: skip
    if left.kind is Kind.TEXTS:
        raise CelSyntaxError(
            node.at, 'ask lists with `in`, or size(): "vocals" in label.components'
        )
    _taken(left, node.right)
    _taken(right, node.left)
    return BOOL


def _taken(of: Type, word: Node) -> None:
    """Refuse a word that a feature never takes."""
    if of.name and of.values and isinstance(word, Literal) and word.value not in of.values:
        near = difflib.get_close_matches(str(word.value), of.values, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(of.values)}"
        raise CelSyntaxError(word.at, f"{of.name} is never {word.value!r}; {advice}")
    lowered = of.name.endswith((".generator", ".tools"))
    if lowered and isinstance(word, Literal) and word.value != str(word.value).casefold():
        raise CelSyntaxError(
            word.at, f"{of.name} is in lower case: write {str(word.value).casefold()!r}"
        )


def _wants(node: Node, expected: Type, params: Parameters, place: str) -> None:
    actual = _type(node, params)
    if actual.kind is not expected.kind:
        description = "null" if actual.kind is None else f"a {actual.kind.value}"
        wanted_kind = "" if expected.kind is None else expected.kind.value
        raise CelSyntaxError(node.at, f"{place} is a {wanted_kind}, and this is {description}")
