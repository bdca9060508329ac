"""The part of CEL that conditions are written in: text to a tree, every node with its place.

CEL (the Common Expression Language) has no loops, no assignments and no way out, so a
condition always ends and changes nothing. A compiled library evaluates it; what it cannot do
is say beforehand whether a condition makes sense, and for that the tree is needed: see
``typing`` and ``reach``. Taken are literals, features (``ai.p_value``), ``params.x``, ``!``,
``-``, ``* /``, ``+ -``, comparisons, ``in``, ``&&``, ``||``, ``? :``, lists, ``size()``
and the methods of texts (``startsWith`` ...). Macros are not.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

METHODS: Final = {"startsWith": 1, "endsWith": 1, "contains": 1, "matches": 1}
MAX_DEPTH: Final = 40
MAX_LENGTH: Final = 4_000

Value = str | float | bool | None


class CelSyntaxError(Exception):
    """The text is no condition; ``at`` counts characters from 0."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


@dataclass(frozen=True)
class Literal:
    """A text, a number, true, false or null."""

    at: int
    value: Value


@dataclass(frozen=True)
class Name:
    """A feature or a parameter, by its dotted name."""

    at: int
    name: str


@dataclass(frozen=True)
class Items:
    """A list."""

    at: int
    items: tuple["Node", ...]


@dataclass(frozen=True)
class Unary:
    """``!`` or ``-``."""

    at: int
    operator: str
    operand: "Node"


@dataclass(frozen=True)
class Binary:
    """Two sides and what is between them."""

    at: int
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Choice:
    """``test ? yes : no``."""

    at: int
    test: "Node"
    yes: "Node"
    no: "Node"


@dataclass(frozen=True)
class Call:
    """``size(x)``, or a method of a text with its argument."""

    at: int
    function: str
    target: "Node"
    argument: "Node | None" = None


Node = Literal | Name | Items | Unary | Binary | Choice | Call

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/<>!?:()\[\],.]))"
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/"),
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """Parse a condition.

    Raises:
        CelSyntaxError: it is none, or uses what is not taken.
    """
    if len(text) > MAX_LENGTH:
        raise CelSyntaxError(0, f"a condition of {len(text)} characters: split the rule")
    parser = _Parser(_tokens(text))
    node = parser.choice()
    if parser.token.kind != "end":
        raise CelSyntaxError(parser.token.at, _unexpected(parser.token.text))
    return node


def _unexpected(text: str) -> str:
    instead = {"and": "&&", "or": "||", "not": "!"}.get(text.casefold())
    hint = f": write {instead}" if instead else ""
    return f"{text!r} is not expected here{hint}"


def names(node: Node) -> list[Name]:
    """Return every feature and parameter that a condition reads, in order."""
    match node:
        case Name():
            return [node]
        case Literal():
            return []
        case _:
            return [name for part in parts(node) for name in names(part)]


def parts(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below."""
    match node:
        case Items():
            return node.items
        case Unary():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Choice():
            return (node.test, node.yes, node.no)
        case Call():
            return (node.target,) if node.argument is None else (node.target, node.argument)
        case _:
            return ()


def written(node: Node, params: Mapping[str, Value]) -> str:
    """Return the condition for the compiled library: numbers are doubles, parameters values."""
    match node:
        case Literal(value=value):
            return _literal(value)
        case Name(name=name) if name.startswith("params."):
            return _literal(params[name.removeprefix("params.")])
        case Name(name=name):
            return flat(name)
        case Items(items=items):
            return f"[{', '.join(written(item, params) for item in items)}]"
        case Unary(_, operator, operand):
            return f"{operator}({written(operand, params)})"
        case Choice(_, test, yes, no):
            inner = [written(one, params) for one in (test, yes, no)]
            return f"(({inner[0]}) ? ({inner[1]}) : ({inner[2]}))"
        case Call(_, "size", target):
            return f"double(size({written(target, params)}))"
        case Call(_, function, target, argument):
            assert argument is not None  # noqa: S101 - methods have one
            return f"({written(target, params)}).{function}({written(argument, params)})"
        case Binary(_, operator, left, right):
            return f"({written(left, params)} {operator} {written(right, params)})"


def flat(name: str) -> str:
    """Return a feature's name as one word, which is quicker to look up."""
    return name.replace(".", "__")


def _literal(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value)
        case _:
            return f"double({float(value)!r})" if value != value else repr(float(value))


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise CelSyntaxError(at, _stray(text[at:]))
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*tokens, _Token("end", "the end", len(text))]


def _stray(rest: str) -> str:
    if rest[0] in "\"'":
        return "this text is not closed: add the quote at its end"
    twice = {"=": "==", "&": "&&", "|": "||"}
    if rest[0] in twice:
        return f"{rest[0]!r} is not CEL: write {twice[rest[0]]!r}"
    return f"{rest[0]!r} is not CEL"


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    @property
    def token(self) -> _Token:
        return self._tokens[self._place]

    def choice(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CelSyntaxError(self.token.at, "too deeply nested: split the rule")
        test = self._level(0)
        if self.token.text == "?" and self.token.kind == "sign":
            at = self._next().at
            yes = self.choice()
            self._expect(":")
            test = Choice(at, test, yes, self.choice())
        self._depth -= 1
        return test

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self.token.kind in ("sign", "name") and self.token.text in _LEVELS[level]:
            operator = self._next()
            left = Binary(operator.at, operator.text, left, self._level(level + 1))
        return left

    def _unary(self) -> Node:
        if self.token.kind == "sign" and self.token.text in ("!", "-"):
            operator = self._next()
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise CelSyntaxError(operator.at, "too deeply nested: split the rule")
            operand = self._unary()
            self._depth -= 1
            value = operand.value if isinstance(operand, Literal) else None
            if operator.text == "-" and isinstance(value, float):
                return Literal(operator.at, -value)
            return Unary(operator.at, operator.text, operand)
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while self.token.kind == "sign" and self.token.text in (".", "["):
            if self.token.text == "[":
                raise CelSyntaxError(self.token.at, "[...] is not taken: use `in` for lists")
            self._next()
            member = self._next()
            if member.kind != "name":
                raise CelSyntaxError(
                    member.at, f"a name is expected after the point, not {member.text!r}"
                )
            if self.token.text == "(" and self.token.kind == "sign":
                node = self._method(node, member)
            elif isinstance(node, Name):
                node = Name(node.at, f"{node.name}.{member.text}")
            else:
                raise CelSyntaxError(member.at, "only features have members")
        return node

    def _method(self, target: Node, method: _Token) -> Node:
        if method.text not in METHODS:
            raise CelSyntaxError(
                method.at, f"there is no method {method.text!r}; known: {', '.join(METHODS)}"
            )
        self._expect("(")
        argument = self.choice()
        self._expect(")")
        return Call(method.at, method.text, target, argument)

    def _primary(self) -> Node:
        token = self._next()
        match token.kind, token.text:
            case "number", text:
                return Literal(token.at, float(text))
            case "text", text:
                inner = re.sub(r"\\(.)", lambda found: _unescaped(found, token.at), text[1:-1])
                return Literal(token.at, inner)
            case "name", "true" | "false":
                return Literal(token.at, token.text == "true")
            case "name", "null":
                return Literal(token.at, None)
            case "name", name if self.token.kind == "sign" and self.token.text == "(":
                if name != "size":
                    raise CelSyntaxError(token.at, f"there is no function {name!r}; known: size")
                self._expect("(")
                argument = self.choice()
                self._expect(")")
                return Call(token.at, "size", argument)
            case "name", name:
                return Name(token.at, name)
            case "sign", "(":
                inside = self.choice()
                self._expect(")")
                return inside
            case "sign", "[":
                return self._items(token.at)
            case "end", _:
                raise CelSyntaxError(token.at, "the condition ends too early")
            case _, text:
                raise CelSyntaxError(token.at, f"{text!r} is not expected here")

    def _items(self, at: int) -> Node:
        items: list[Node] = []
        while self.token.text != "]":
            items.append(self.choice())
            if self.token.text != "]":
                self._expect(",")
        self._next()
        return Items(at, tuple(items))

    def _next(self) -> _Token:
        token = self.token
        if token.kind != "end":
            self._place += 1
        return token

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.kind != "sign" or token.text != sign:
            raise CelSyntaxError(token.at, f"{sign!r} is expected, not {token.text!r}")


def _unescaped(match: re.Match[str], at: int) -> str:
    if match[1] not in _ESCAPES:
        raise CelSyntaxError(at, f"the escape \\{match[1]} is not taken")
    return _ESCAPES[match[1]]
