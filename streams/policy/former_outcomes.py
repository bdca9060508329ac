"""Outcomes by the words of earlier releases in conditions: read for one release, with a hint.

``ai_likely`` is ``identified`` or ``suspected``; ``human_likely`` is ``no_trace``.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.contract.vocabulary import FORMER
from streams.policy.cel_syntax import Call, Literal, Name, Node, parse, walk
from streams.policy.cel_types import PARAMS, Parameters

if TYPE_CHECKING:
    from streams.policy.bundle import Bundle


def renamed(node: Node, params: Parameters) -> Node:
    """Return a condition in which the present words stand for the former ones."""
    match node:
        case Name(at=at, name=name) if name.startswith(PARAMS):
            value = params.get(name.removeprefix(PARAMS))
            return Literal(at, value) if value in FORMER else node
        case Literal() | Name():
            return node
    operands = tuple(renamed(operand, params) for operand in node.operands)
    match node.operator, operands:
        case (
            ("==" | "!=" as sign),
            (
                (Name(name="ai.outcome") as outcome, Literal() as word)
                | (Literal() as word, Name(name="ai.outcome") as outcome)
            ),
        ) if word.value in FORMER:
            among = Call(node.at, "in", (outcome, Call(word.at, "[]", _present(word))))
            return among if sign == "==" else Call(node.at, "!", (among,))
        case "in", (Name(name="ai.outcome") as outcome, Call(operator="[]") as words):
            present = tuple(word for one in words.operands for word in _present(one))
            return replace(node, operands=(outcome, replace(words, operands=present)))
    return replace(node, operands=operands)


def hints(bundle: "Bundle") -> Iterator[str]:
    """Yield a sentence for each rule that names an outcome by a former word."""
    params = {one for one in bundle.params.values() if one in FORMER}
    for rule in bundle.rules:
        texts = {part.value for part in walk(parse(rule.when)) if isinstance(part, Literal)}
        for word in sorted(FORMER.keys() & texts):
            yield f"rule {rule.id}: {_advice(word)}"
    yield from (f"params: {_advice(str(word))}" for word in sorted(map(str, params)))


def _present(word: Node) -> tuple[Node, ...]:
    if isinstance(word, Literal) and word.value in FORMER:
        return tuple(Literal(word.at, one) for one in FORMER[str(word.value)])
    return (word,)


def _advice(word: str) -> str:
    present = " or ".join(f'"{one}"' for one in FORMER[word])
    return f'"{word}" is of an earlier release and is read for this one: write {present}'
