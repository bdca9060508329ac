"""A subset of YAML without surprises, with the line and column of every key and value.

``no`` is text, days stay text until the schema parses them, and tags, aliases, repeated keys
and deep nesting are refused. ruamel.yaml accepts all of them, gives no position inside of a
block of text, and takes twice the time. strictyaml refuses ``{a: b}``. So PyYAML composes the
nodes, and this module maps them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.resolver import Resolver

MAX_DEPTH: Final = 30
Path = tuple[str | int, ...]


class YamlSubsetError(Exception):
    """The text is not plain YAML; ``line`` and ``column`` count from 1."""

    def __init__(self, at: tuple[int, int], message: str) -> None:
        super().__init__(message)
        self.line, self.column = at
        self.message = message


class _Loader(Composer, CParser, Resolver):
    """Composes nodes with the scalars of YAML 1.2's core schema; refuses depth and aliases.

    libyaml reads the events, which takes a fifth of the time of PyYAML's own parser.
    """

    depth = 0

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Look at the next event before it is read: endless nesting costs nothing."""
        event = self.peek_event()
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


_TAG: Final = "tag:yaml.org,2002:"
_FLOAT: Final = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
# Each kind of scalar that is not text: its pattern, its first characters, its value.
_SCALARS: Final[dict[str, tuple[str, list[str], Callable[[str], Any]]]] = {
    "null": (r"null|~|", ["n", "~", ""], lambda _: None),
    "bool": (r"true|false", ["t", "f"], lambda text: text == "true"),
    "int": (r"[-+]?[0-9]+", list("-+0123456789"), int),
    "float": (_FLOAT, list("-+.0123456789"), float),
}
_Loader.yaml_implicit_resolvers = {}
for _kind, (_pattern, _first, _) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"^(?:{_pattern})$"), _first)


@dataclass
class SourceMap:
    """Plain data, and for the path of every key and item its place and its node."""

    data: Any
    text: str
    positions: dict[Path, tuple[Any, yaml.Node]] = field(default_factory=dict)

    def place(self, path: Path, offset: int | None = None) -> tuple[int, int]:
        """Return line and column of ``path``, or of what encloses it.

        ``offset`` is a character of the text that stands there, counted from 0.
        """
        while path and path not in self.positions:
            path, offset = path[:-1], None
        if path not in self.positions:
            return 1, 1
        key, node = self.positions[path]
        if offset is None:
            return _at(key)
        line, column = _at(node.start_mark)
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        if style == "|":
            before = str(node.value)[:offset]
            line += 1 + before.count("\n")
            written = self.text.splitlines()[line - 1 : line] or [""]
            indent = len(written[0]) - len(written[0].lstrip())
            return line, indent + 1 + len(before) - (before.rfind("\n") + 1)
        if node.start_mark.line != node.end_mark.line:  # folded over lines: its first one
            return line, column
        return line, column + bool(style) + offset  # after a quotation mark

    def add(self, node: yaml.Node, key: Any, path: Path = ()) -> Any:
        """Return a node as plain data, and note the places of all that is in it."""
        self.positions[path] = key, node
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            for name, value in node.value:
                at = name.start_mark
                if not isinstance(name, yaml.ScalarNode):
                    raise YamlSubsetError(_at(at), "a key must be a plain word")
                if name.value in mapping:
                    raise YamlSubsetError(_at(at), f"key {name.value!r} stands twice: keep one")
                mapping[name.value] = self.add(value, at, (*path, name.value))
            return mapping
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.add(item, item.start_mark, (*path, index)) for index, item in items]
        text, tag = str(node.value), node.tag.removeprefix(_TAG)
        if tag in _SCALARS:
            return _SCALARS[tag][2](text)
        if tag != "str":
            problem = f"tag {tag!r} is not allowed: write a plain value"
            raise YamlSubsetError(_at(node.start_mark), problem)
        return text


def read(text: str) -> SourceMap:
    """Read one YAML document.

    Raises:
        YamlSubsetError: broken YAML, or YAML beyond the accepted part.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        at = _at(error.problem_mark or error.context_mark)
        raise YamlSubsetError(at, f"this is not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:  # characters that YAML does not allow
        what = " ".join(str(error).split())
        raise YamlSubsetError((1, 1), f"this is not YAML: {what}") from error
    source = SourceMap(None, text)
    if node is not None:
        source.data = source.add(node, node.start_mark)
    return source


def _at(mark: Any) -> tuple[int, int]:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
