"""A condition, compiled: parsed and typed by us, evaluated by the CEL library.

Where a feature that it reads is missing, our own evaluation of the same tree says whether the
answer hangs on it: CEL would fail, or quietly compare with null.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from streams.policy import cel_types
from streams.policy.cel import cel
from streams.policy.cel_syntax import Name, Node, flat, names, parse, written
from streams.policy.cel_types import PARAMS, Parameters, unguarded
from streams.policy.satisfiability import MISSING, holds
from streams.policy.schema import Value


class Condition:
    """One condition with its parameters filled in."""

    def __init__(self, text: str, params: Parameters) -> None:
        """Compile.

        Raises:
            CelSyntaxError: it is no condition over the schema.
        """
        self.tree: Node = parse(text)
        cel_types.check(self.tree, params)
        self._params = params
        self._program: Any = cel.compile(written(self.tree, params))

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The features it reads."""
        features = (one.name for one in names(self.tree) if not one.name.startswith(PARAMS))
        return tuple(dict.fromkeys(features))

    @cached_property
    def open_reads(self) -> tuple[Name, ...]:
        """The features that may be missing and that it does not guard against."""
        return tuple(unguarded(self.tree))

    @cached_property
    def _may_miss(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.name for one in self.open_reads))

    def missing(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the features that it would need and that are not known."""
        return tuple(name for name in self._may_miss if values[name] is None)

    def holds(self, values: Mapping[str, Value], context: Any) -> bool | None:
        """Whether it holds; None: that hangs on a missing feature."""
        if self._may_miss and self.missing(values):
            fixed = {f"{PARAMS}{name}": value for name, value in self._params.items()}
            result = holds(self.tree, {**fixed, **values})
            return None if result == MISSING else bool(result)
        return bool(self._program.execute(context))


def context_of(values: Mapping[str, Value], reads: Sequence[str]) -> Any:
    """Return the library's form of a snapshot, with what is read at all."""
    return cel.Context(
        {
            flat(name): list(value) if isinstance(value := values[name], tuple) else value
            for name in reads
        }
    )
