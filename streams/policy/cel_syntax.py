"""The part of CEL that conditions are written in: text to a tree, every node with its place.

Literals, features (``ai.p_value``), ``params.x``, the operators of ``_POWERS``, ``!``, ``? :``,
lists, ``size()`` and ``METHODS`` of the Common Expression Language are accepted; macros are not.
The parser of PyPI's cel-python takes half a second to build and names no reason for an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

METHODS: Final = ("startsWith", "endsWith", "contains", "matches")
MAX_DEPTH: Final = 40
MAX_TREE_DEPTH: Final = 100  # also of a chain of operators, which is a tree to the left
MAX_LENGTH: Final = 4_000


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
    value: str | float | bool | None
    operands: ClassVar[tuple["Node", ...]] = ()


@dataclass(frozen=True)
class Name:
    """A feature or a parameter, by its dotted name."""

    at: int
    name: str
    operands: ClassVar[tuple["Node", ...]] = ()


@dataclass(frozen=True)
class Call:
    """An operator, ``?:``, a list (``[]``), ``size`` or a method of a text, with its operands."""

    at: int
    operator: str
    operands: tuple["Node", ...]


Node = Literal | Name | Call

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/<>!?:()\[\],.])|(?P<end>\Z)|(?P<stray>.))"
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_POWERS: Final = {
    **{"||": 1, "&&": 2},
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **{"+": 4, "-": 4, "*": 5, "/": 5},
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """Parse a condition.

    Raises:
        CelSyntaxError: it is none, or uses what is not accepted.
    """
    if len(text) > MAX_LENGTH:
        raise CelSyntaxError(0, f"a condition of {len(text)} characters: split the rule")
    parser = _Parser(text)
    node = parser.choice()
    if parser.token.kind != "end":
        instead = {"and": "&&", "or": "||", "not": "!"}.get(parser.token.text.casefold())
        hint = f": write {instead}" if instead else ""
        raise CelSyntaxError(parser.token.at, f"{parser.token.text!r} is not expected here{hint}")
    level: list[Node] = [node]
    for _ in range(MAX_TREE_DEPTH):
        level = [part for parent in level for part in parent.operands]
    if level:
        raise CelSyntaxError(level[0].at, "too deeply nested: split the rule")
    return node


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below, in the order of the text."""
    yield node
    for part in node.operands:
        yield from walk(part)


def names(node: Node) -> list[Name]:
    """Return every feature and parameter that a condition reads, in order."""
    return [part for part in walk(node) if isinstance(part, Name)]


def is_null(node: Node) -> bool:
    """Whether a node is the literal ``null``."""
    return isinstance(node, Literal) and node.value is None


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "stray":
            raise CelSyntaxError(match.start(kind), _stray(match[kind]))
        yield _Token(kind, match[kind] or "the end", match.start(kind))


def _stray(sign: str) -> str:
    if sign in "\"'":
        return "this text is not closed: add the quote at its end"
    hint = f": write {sign * 2!r}" if sign in "=&|" else ""
    return f"{sign!r} is not CEL{hint}"


class _Parser:
    """Precedence climbing. Quotes are part of a token's text, so signs are known by their text."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._depth = 0

    @property
    def token(self) -> _Token:
        return self._tokens[self._place]

    def choice(self) -> Node:
        self._enter(self.token)
        node = self._binary(0)
        if self.token.text == "?":
            at = self._next().at
            yes = self.choice()
            self._expect(":")
            node = Call(at, "?:", (node, yes, self.choice()))
        self._depth -= 1
        return node

    def _enter(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CelSyntaxError(token.at, "too deeply nested: split the rule")

    def _binary(self, power: int) -> Node:
        left = self._unary()
        while (stronger := _POWERS.get(self.token.text, 0)) > power:
            operator = self._next()
            left = Call(operator.at, operator.text, (left, self._binary(stronger)))
        return left

    def _unary(self) -> Node:
        if self.token.text not in ("!", "-"):
            return self._member()
        operator = self._next()
        self._enter(operator)
        operand = self._unary()
        self._depth -= 1
        match operator.text, operand:
            case "-", Literal(value=float() as number):
                return Literal(operator.at, -number)
        return Call(operator.at, operator.text, (operand,))

    def _member(self) -> Node:
        node = self._primary()
        while self.token.text in (".", "["):
            if self.token.text == "[":
                raise CelSyntaxError(self.token.at, "[...] is not taken: use `in` for lists")
            self._next()
            member = self._next()
            if member.kind != "name":
                raise CelSyntaxError(
                    member.at, f"a name is expected after the point, not {member.text!r}"
                )
            if self.token.text == "(":
                if member.text not in METHODS:
                    known = ", ".join(METHODS)
                    raise CelSyntaxError(
                        member.at, f"there is no method {member.text!r}; known: {known}"
                    )
                self._next()
                node = Call(member.at, member.text, (node, self._enclosed()))
            elif isinstance(node, Name):
                node = Name(node.at, f"{node.name}.{member.text}")
            else:
                raise CelSyntaxError(member.at, "only features have members")
        return node

    def _enclosed(self) -> Node:
        inside = self.choice()
        self._expect(")")
        return inside

    def _primary(self) -> Node:
        token = self._next()
        match token.kind, token.text:
            case "number", text:
                return Literal(token.at, float(text))
            case "text", text:
                return Literal(token.at, _unescaped(text[1:-1], token.at))
            case "name", ("true" | "false" | "null") as constant:
                return Literal(token.at, _CONSTANTS[constant])
            case "name", name if self.token.text == "(":
                if name != "size":
                    raise CelSyntaxError(token.at, f"there is no function {name!r}; known: size")
                self._next()
                return Call(token.at, "size", (self._enclosed(),))
            case "name", name:
                return Name(token.at, name)
            case "sign", "(":
                return self._enclosed()
            case "sign", "[":
                return Call(token.at, "[]", self._items())
            case "end", _:
                raise CelSyntaxError(token.at, "the condition ends too early")
            case _, text:
                raise CelSyntaxError(token.at, f"{text!r} is not expected here")

    def _items(self) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.token.text != "]":
            items.append(self.choice())
            if self.token.text != "]":
                self._expect(",")
        self._next()
        return tuple(items)

    def _next(self) -> _Token:
        token = self.token
        if token.kind != "end":
            self._place += 1
        return token

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.text != sign:
            raise CelSyntaxError(token.at, f"{sign!r} is expected, not {token.text!r}")


def _unescaped(text: str, at: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise CelSyntaxError(at, f"the escape \\{match[1]} is not taken")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", character, text)
