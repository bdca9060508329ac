"""The reference page of the HTTP API, from its OpenAPI document."""

from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final, Protocol

from streams.runtime.settings import Settings
from streams.web.api.app import create

PREFIX: Final = "/v1"
REFERENCE: Final = "#/components/schemas/"
Json = Mapping[str, Any]


class Table(Protocol):
    """Makes a Markdown table."""

    def __call__(self, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
        """Return the table of a header and rows."""


def document() -> Json:
    """Return the OpenAPI document."""
    resources: Any = SimpleNamespace(settings=Settings())
    api = create(resources).openapi()
    plain = {
        f"{REFERENCE}{name}": schema
        for name, schema in api["components"]["schemas"].items()
        if "properties" not in schema
    }
    inlined: Json = _inlined(api, plain)
    return inlined


def _inlined(node: Any, plain: Json) -> Any:
    """Return a part of the document with what has no fields, such as a choice, in its place."""
    if isinstance(node, Mapping):
        if node.get("$ref") in plain:
            return plain[node["$ref"]]
        return {key: _inlined(value, plain) for key, value in node.items()}
    return [_inlined(one, plain) for one in node] if isinstance(node, list) else node


def body(table: Table) -> str:
    """Return the page's body: all requests, then each with its parameters, then the shapes."""
    api = document()
    rows = [(name, _first_line(operation)) for name, operation in _operations(api)]
    parts = [table(("request", "meaning"), ((f"[`{n}`](#{_anchor(n)})", m) for n, m in rows))]
    parts += [_section(name, operation, table) for name, operation in _operations(api)]
    parts.append("## Shapes")
    parts += [_shape(name, api["components"]["schemas"][name], table) for name in _shapes(api)]
    return "\n\n".join(parts)


def _operations(api: Json) -> Iterator[tuple[str, Json]]:
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {PREFIX}{path}", operation


def _first_line(operation: Json) -> str:
    return str(operation.get("description", "")).strip().split("\n", 1)[0]


def _anchor(name: str) -> str:
    """Return the anchor that a heading of this text gets."""
    kept = "".join(c for c in name.lower() if c.isalnum() or c in " -_")
    return "-".join(kept.split())


def _section(name: str, operation: Json, table: Table) -> str:
    text = str(operation.get("description", "")).strip().replace("``", "`")
    parts = [f"## `{name}`", text]
    if parameters := operation.get("parameters"):
        rows = (
            (
                f"`{one['name']}`" + (" (needed)" if one.get("required") else ""),
                one["in"],
                _type(one["schema"]),
                one.get("description", ""),
            )
            for one in parameters
        )
        parts.append(table(("parameter", "in", "type", "meaning"), rows))
    if request := operation.get("requestBody"):
        kinds = (
            f"`{media}`: {_type(content['schema'])}"
            for media, content in request["content"].items()
        )
        parts.append(f"Body: {', '.join(kinds)}.")
    answers = [
        f"{status} {_type(content['schema']) if content else 'without a body'}"
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for content in [next(iter(answer.get("content", {}).values()), None)]
    ]
    refusals = [status for status in operation["responses"] if not status.startswith("2")]
    parts.append(f"Answers: {', '.join(answers)}; problems {', '.join(refusals)}.")
    return "\n\n".join(parts)


def _shapes(api: Json) -> list[str]:
    """Return the names of the shapes that have fields, in the order in which they are met."""
    schemas = api["components"]["schemas"]
    shapes: dict[str, None] = {}
    waiting = [_names(operation) for _, operation in _operations(api)]
    while waiting:
        for name in waiting.pop(0):
            if name not in shapes and "properties" in schemas.get(name, {}):
                shapes[name] = None
                waiting.append(_names(schemas[name]))
    return list(shapes)


def _names(node: Any) -> list[str]:
    """Return the names of the shapes that a part of the document refers to."""
    if isinstance(node, Mapping):
        own = [str(node["$ref"]).removeprefix(REFERENCE)] if "$ref" in node else []
        return own + [name for value in node.values() for name in _names(value)]
    return [name for value in node for name in _names(value)] if isinstance(node, list) else []


def _shape(name: str, schema: Json, table: Table) -> str:
    needed = schema.get("required", [])
    rows = (
        (f"`{field}`" + (" (needed)" if field in needed else ""), _type(kind))
        for field, kind in schema["properties"].items()
    )
    return f"### {name}\n\n{table(('field', 'type'), rows)}"


def _type(schema: Json) -> str:
    """Return a type in a few words, with a link where it is a shape."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(REFERENCE)
        return f"[{name}](#{name.lower()})"
    if options := schema.get("anyOf", schema.get("oneOf")):
        kinds = [_type(one) for one in options if one.get("type") != "null"]
        null = any(one.get("type") == "null" for one in options)
        return " or ".join([*kinds, *(["null"] if null else [])])
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            items = schema.get("items", {})
            return f"list of {_type(items)}" if items else "list"
        case "object":
            return "object"
        case "string":
            return {"date-time": "time", "date": "day"}.get(schema.get("format", ""), "text")
        case kind:
            return str(kind or "any")
