"""A condition, compiled to functions: true, false, or not known for want of a feature.

The same functions decide about tracks and answer whether a rule can hold (``satisfiability``).
A test compares them with the CEL library.
"""

import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from streams.policy import cel_types
from streams.policy.cel_patterns import finds
from streams.policy.cel_syntax import Call, Literal, Name, Node, is_null, names, parse
from streams.policy.cel_types import PARAMS, Parameters, unguarded
from streams.policy.former_outcomes import renamed
from streams.policy.schema import Value

MATCHING: Final = "\x00matches "  # before a regular expression: some text that it finds
Function = Callable[[Mapping[str, Value]], Any]


class Condition:
    """One condition with its parameters filled in."""

    def __init__(self, text: str, params: Parameters) -> None:
        """Compile.

        Raises:
            CelSyntaxError: it is no condition over the schema.
        """
        self.tree: Node = renamed(parse(text), params)
        self.params: Final = params
        cel_types.check(self.tree, params)
        self.holds: Final = function_of(self.tree, params)
        """Return true, false, or None where the answer depends on a missing feature."""

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The features it reads."""
        features = (one.name for one in names(self.tree) if not one.name.startswith(PARAMS))
        return tuple(dict.fromkeys(features))

    @cached_property
    def open_reads(self) -> tuple[Name, ...]:
        """The features that may be missing and that it does not guard against."""
        return tuple(unguarded(self.tree))

    def missing(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the features that it would need and that are not known."""
        return tuple(dict.fromkeys(one.name for one in self.open_reads if values[one.name] is None))


def function_of(node: Node, params: Parameters) -> Function:
    """Return the function from the features to the value of a node, as CEL defines it.

    The value is None where it depends on a missing feature.
    """
    match node:
        case Literal(value=constant):
            return lambda values: constant
        case Name(name=name) if name.startswith(PARAMS):
            parameter = params[name.removeprefix(PARAMS)]
            return lambda values: parameter
        case Name(name=name):
            return operator.itemgetter(name)
        case Call(operands=operands):
            functions = [function_of(operand, params) for operand in operands]
    match node.operator, functions:
        case "&&" | "||" as sign, [left, right]:
            return _connective(left, right, decisive=sign == "||")
        case "?:", [test, yes, no]:
            return lambda values: (
                None if (answer := test(values)) is None else (yes if answer else no)(values)
            )
        case "==" | "!=" as sign, [left, right] if any(map(is_null, operands)):
            compare = operator.eq if sign == "==" else operator.ne
            return lambda values: compare(left(values), right(values))
        case "[]", items:
            return lambda values: tuple(item(values) for item in items)
        case "-", [_]:
            return _of_known(operator.neg, functions)
        case sign, _:
            return _of_known(_FUNCTIONS[sign], functions)


def _connective(left: Function, right: Function, *, decisive: bool) -> Function:
    """Return ``||`` (true is decisive) or ``&&``: a decisive side needs no other."""

    def evaluate(values: Mapping[str, Value]) -> Any:
        first = left(values)
        if first is decisive:
            return decisive
        second = right(values)
        if second is decisive:
            return decisive
        return None if first is None or second is None else not decisive

    return evaluate


def _of_known(function: Callable[..., Any], operands: list[Function]) -> Function:
    def evaluate(values: Mapping[str, Value]) -> Any:
        arguments = [operand(values) for operand in operands]
        return None if None in arguments else function(*arguments)

    return evaluate


def _quotient(a: float, b: float) -> float:
    return a / b if b else math.copysign(math.inf, a) if a else math.nan


def _matches(text: str, pattern: str) -> bool:
    return text == f"{MATCHING}{pattern}" if text.startswith(MATCHING) else finds(pattern, text)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "!": operator.not_,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "in": lambda word, words: word in words,
    "size": lambda texts: float(len(texts)),
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
    "matches": _matches,
}
