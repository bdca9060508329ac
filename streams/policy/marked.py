"""YAML with line numbers, and only the part of YAML that says what it seems to say.

``no`` is a country here and not false, 3.10 as text stays text where quoted, days stay
text until the schema reads them, and there are no tags, aliases or repeated keys: the
ways in which YAML surprises the author of a policy.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]


class NotPlain(Exception):
    """The text is not plain YAML; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Loader(yaml.SafeLoader):
    """Composes nodes with the scalars of YAML 1.2's core schema."""


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


@dataclass
class Marked:
    """Plain data, and the line of every key and item by its path."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of what encloses it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Marked:
    """Read one YAML document.

    Raises:
        NotPlain: broken YAML, or YAML beyond the part that is meant here.
    """
    try:
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent):
                raise NotPlain(
                    _line(event.start_mark), "aliases are not allowed: write the value out"
                )
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise NotPlain(line, f"this is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise NotPlain(1, f"this is not YAML: {' '.join(str(error).split())}") from error
    found = Marked(None)
    if node is not None:
        found.data = _plain(node, (), found.lines)
    return found


def _line(mark: Any) -> int:
    return 1 if mark is None else int(mark.line) + 1


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    line = _line(node.start_mark)
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            at = _line(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise NotPlain(at, "a key must be a plain word")
            if key.value in mapping:
                raise NotPlain(at, f"key {key.value!r} stands twice: keep one")
            lines[(*path, key.value)] = at
            mapping[key.value] = _plain(value, (*path, key.value), lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node, line)


def _scalar(node: yaml.Node, line: int) -> Any:
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
            raise NotPlain(line, f"tag {tag!r} is not allowed: write a plain value")
