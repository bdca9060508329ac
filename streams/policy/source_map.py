"""A subset of YAML without surprises, with the line and column of every key and value.

``no`` is text, days stay text until the schema parses them, and tags, aliases, repeated keys
and deep nesting are refused. ruamel.yaml accepts tags, aliases, dates and unlimited nesting,
gives no position inside of a block of text, and takes twice the time. strictyaml refuses
``{a: b}``. So PyYAML composes the nodes, and this module maps them.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

MAX_DEPTH: Final = 30
Path = tuple[str | int, ...]


class YamlSubsetError(Exception):
    """The text is not plain YAML; ``line`` and ``column`` count from 1."""

    def __init__(self, at: tuple[int, int], message: str) -> None:
        super().__init__(message)
        self.line, self.column = at
        self.message = message


class _Loader(yaml.SafeLoader):
    """Composes nodes with the scalars of YAML 1.2's core schema; refuses depth and aliases."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Look at what comes before it is read: what is nested without end costs nothing."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise YamlSubsetError(
                _at(event.start_mark), "aliases are not allowed: write the value out"
            )
        self.depth += 1
        if isinstance(event, yaml.CollectionStartEvent) and self.depth > MAX_DEPTH:
            raise YamlSubsetError(_at(event.start_mark), f"nested deeper than {MAX_DEPTH}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
_SCALARS: Final = (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
)
for _kind, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), _first
    )


@dataclass(frozen=True)
class Position:
    """Where a key stands and where its text begins; all count from 1.

    ``style`` is how YAML quotes it; ``whole``: the text is on one line as it is written.
    """

    line: int
    column: int
    text_line: int
    text_column: int
    style: str | None = None
    whole: bool = True


@dataclass
class SourceMap:
    """Plain data, and the place of every key and item by its path."""

    data: Any
    positions: dict[Path, Position] = field(default_factory=dict)
    text: str = ""

    def place(self, path: Path, offset: int | None = None) -> tuple[int, int]:
        """Return line and column of ``path``, or of what encloses it.

        Args:
            path: keys and indices from the top.
            offset: a character of the text that stands there, counted from 0.
        """
        while path and path not in self.positions:
            path, offset = path[:-1], None
        position = self.positions.get(path)
        if position is None:
            return 1, 1
        if offset is None:
            return position.line, position.column
        if position.style == "|":
            before = self._value(path)[:offset]
            line = position.text_line + 1 + before.count("\n")
            written = self.text.splitlines()[line - 1 : line] or [""]
            indent = len(written[0]) - len(written[0].lstrip())
            return line, indent + 1 + len(before) - (before.rfind("\n") + 1)
        if not position.whole:  # folded over lines: its first one
            return position.text_line, position.text_column
        return position.text_line, position.text_column + (position.style is not None) + offset

    def _value(self, path: Path) -> str:
        value = self.data
        for step in path:
            value = value[step]
        return str(value)


def read(text: str) -> SourceMap:
    """Read one YAML document.

    Raises:
        YamlSubsetError: broken YAML, or YAML beyond the part that is meant here.
    """
    try:
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        at = _at(error.problem_mark or error.context_mark)
        raise YamlSubsetError(at, f"this is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise YamlSubsetError(
            (1, 1), f"this is not YAML: {' '.join(str(error).split())}"
        ) from error
    source = SourceMap(None, text=text)
    if node is not None:
        source.data = _plain(node, (), source.positions)
    return source


def _at(mark: Any) -> tuple[int, int]:
    return (1, 1) if mark is None else (int(mark.line) + 1, int(mark.column) + 1)


def _position(node: yaml.Node, key: tuple[int, int]) -> Position:
    single_line = bool(node.start_mark.line == node.end_mark.line)
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    return Position(*key, *_at(node.start_mark), style, single_line)


def _plain(node: yaml.Node, path: Path, positions: dict[Path, Position]) -> Any:
    positions.setdefault(path, _position(node, _at(node.start_mark)))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            at = _at(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise YamlSubsetError(at, "a key must be a plain word")
            if key.value in mapping:
                raise YamlSubsetError(at, f"key {key.value!r} stands twice: keep one")
            positions[(*path, key.value)] = _position(value, at)
            mapping[key.value] = _plain(value, (*path, key.value), positions)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), positions) for index, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int":
            return int(text)
        case "float":
            return float(text)
        case tag:
            raise YamlSubsetError(
                _at(node.start_mark), f"tag {tag!r} is not allowed: write a plain value"
            )
