"""Our evaluation of CEL against the library's: whatever both take, both answer alike."""

import json
from collections.abc import Mapping
from typing import Any

import cel
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings

from streams.policy import cel_types
from streams.policy.cel_syntax import (
    Call,
    CelSyntaxError,
    Literal,
    Name,
    Node,
    parse,
)
from streams.policy.conditions import function_of
from streams.policy.schema import FEATURES, Value
from tests.support.policies import features
from tests.support.policy_strategies import conditions, snapshots


def by_library(node: Node, values: Mapping[str, Any]) -> Any:
    """What the CEL library answers: it knows no dots in names, and its numbers are doubles."""
    context = {name.replace(".", "__"): list(value) if isinstance(value, tuple) else value
               for name, value in values.items()}  # fmt: skip
    return cel.compile(written(node)).execute(context)


def written(node: Node) -> str:
    match node:
        case Literal(value=value):
            return repr(value) if isinstance(value, float) else json.dumps(value)
        case Name(name=name):
            return name.replace(".", "__")
        case Call(_, operator, operands):
            inner = [written(operand) for operand in operands]
    match operator, inner:
        case "[]", _:
            return f"[{', '.join(inner)}]"
        case "size", [target]:
            return f"double(size({target}))"
        case "?:", [test, yes, no]:
            return f"(({test}) ? ({yes}) : ({no}))"
        case "!" | "-", [operand]:
            return f"{operator}({operand})"
        case _, [target, argument] if operator[0].isalpha() and operator != "in":
            return f"({target}).{operator}({argument})"
        case _:
            return f"({f' {operator} '.join(inner)})"


@hypothesis_settings(deadline=None, max_examples=150)
@given(conditions, snapshots())
def test_the_tree_and_the_library_agree(text: str, values: dict[str, Value]) -> None:
    known = {name: ("x" if FEATURES[name].kind == "text" else 0.3) if value is None else value
             for name, value in values.items()}  # fmt: skip
    tree = parse(text)
    try:
        cel_types.check(tree, {})
    except CelSyntaxError:  # a word in capitals, say, of a feature that is in lower case
        assume(False)
    assert function_of(tree, {})(known) is by_library(tree, known)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("audio.duration_s > 100", True),
        ("audio.duration_s * 2 > 359 && audio.duration_s / 2 < 91", True),
        ("-audio.duration_s < -100 || false", True),
        ("label.extent.startsWith('A') && label.extent.endsWith(\"l\")", True),
        ("label.extent.matches('^A.l$')", True),
        ("label.extent.contains('z')", False),
        ("size(label.components) == 0", True),
        ("label.extent == 'All' ? true : label.licensed", True),
        ("'DE' in delivery.territories", False),
        ("label.extent in ['All', \"Partly\"]", True),
        ("!(label.licensed || declared.mismatch)", True),
        ("1 + 2 * 3 == 7", True),
        ("params.sure == 0.5 && params.word == 'x' && params.on", True),
        ("ai.coverage != null", True),
        ("delivery.distributor == null", True),
    ],
)
def test_what_is_taken_means_the_same_to_both(text: str, answer: bool) -> None:
    params: dict[str, Any] = {"sure": 0.5, "word": "x", "on": True}
    tree, values = parse(text), features()
    cel_types.check(tree, params)
    fixed = {f"params.{name}": value for name, value in params.items()}
    assert function_of(tree, params)(values) is answer
    assert by_library(tree, {**fixed, **values}) is answer
