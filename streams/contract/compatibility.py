"""Whether a schema may follow another: events lie on topics for weeks, and releases overlap.

So a schema of the same version may only grow: new fields that may be missing, new words in
an enumeration. ``breaks`` names everything else.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Schema = Mapping[str, Any]

LEAST: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
MOST: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
SAME: Final = ("pattern", "format")

ADVICE: Final = (
    "Events that lie on topics, or readers of the last release, would break. Instead:\n"
    "  - a new field: give it a default, so that it may be missing;\n"
    "  - a field that is out of use: keep it and fill it, and state that in its description;\n"
    "  - another meaning, type or limit: a new field beside the old one;\n"
    "  - if it cannot be helped: raise the record's schema_version and let its readers take both\n"
    "    (Literal[1, 2] = 2); release the readers first, the writers after them."
)


def breaks(old: Schema, new: Schema, *, same_version: bool = True) -> list[str]:
    """Return what breaks when ``new`` follows ``old``, a sentence each; empty: nothing.

    Args:
        old: the schema as it was published.
        new: the schema as it would be.
        same_version: also hold what yesterday's readers rely on. With a new version they
            refuse the events anyway, and only yesterday's events must still be read.
    """
    definitions = old.get("$defs", {}), new.get("$defs", {})
    was, now = map(_resolved, (old, new), definitions)
    return list(_breaks(was, now, "", same_version))


def _breaks(old: Schema, new: Schema, path: str, same: bool) -> Iterator[str]:
    before, after = _kinds(old), _kinds(new)
    at = path or "the record"
    for kind in sorted(before.keys() - after.keys()):
        yield f"{at}: {kind} is no longer taken"
    for kind in sorted(after.keys() - before.keys() - {"null"}) if same else ():
        yield f"{at}: {kind} is new, and older readers refuse it"
    for kind in sorted(before.keys() & after.keys()):
        was, now = before[kind], after[kind]
        yield from _narrower(was, now, at)
        match kind:
            case "object":
                yield from _objects(was, now, path, same)
            case "array" if "items" in was and "items" in now:
                yield from _breaks(was["items"], now["items"], f"{path}[]", same)


def _objects(was: Schema, now: Schema, path: str, same: bool) -> Iterator[str]:
    before, after = was.get("properties", {}), now.get("properties", {})
    needed_before, needed = set(was.get("required", ())), set(now.get("required", ()))
    prefix = f"{path}." if path else ""
    for name in sorted(before.keys() - after.keys()):
        yield f"{prefix}{name}: the field is gone"
    for name in sorted(needed - needed_before):
        yield f"{prefix}{name}: it is needed now, and events lie there without it"
    for name in sorted((needed_before & after.keys()) - needed) if same else ():
        yield f"{prefix}{name}: it may be missing now, and older readers need it"
    for name in sorted(before.keys() & after.keys()):
        yield from _breaks(before[name], after[name], f"{prefix}{name}", same)
    others, others_now = was.get("additionalProperties"), now.get("additionalProperties")
    if others_now is False and others is not False:
        yield f"{path or 'the record'}: unknown fields are no longer tolerated"
    if isinstance(others, Mapping) and isinstance(others_now, Mapping):
        yield from _breaks(others, others_now, f"{prefix}*", same)


def _narrower(was: Schema, now: Schema, at: str) -> Iterator[str]:
    """Yield where a value that was good is good no more."""
    before, after = _words(was), _words(now)
    if after is not None:
        if before is None:
            yield f"{at}: only {', '.join(map(repr, after))} is taken now"
        for word in before or ():
            if word not in after:
                yield f"{at}: {word!r} is no longer taken"
    tighter = [name for name in LEAST if name in now and now[name] > was.get(name, float("-inf"))]
    tighter += [name for name in MOST if name in now and now[name] < was.get(name, float("inf"))]
    for limit in tighter:
        yield f"{at}: {limit} is {now[limit]} now, and was {was.get(limit, 'open')}"
    for rule in SAME:
        if rule in now and now[rule] != was.get(rule):
            yield f"{at}: {rule} is {now[rule]!r} now, and was {was.get(rule, 'open')!r}"


def _resolved(schema: Any, definitions: Schema) -> Any:
    """Return a schema with its references replaced by what they refer to."""
    match schema:
        case {"$ref": str(reference)}:
            return _resolved(definitions[reference.removeprefix("#/$defs/")], definitions)
        case dict():
            items = ((key, value) for key, value in schema.items() if key != "$defs")
            return {key: _resolved(value, definitions) for key, value in items}
        case list():
            return [_resolved(item, definitions) for item in schema]
    return schema


def _kinds(schema: Schema) -> dict[str, Schema]:
    """Return the alternatives of a schema by their JSON type."""
    if "anyOf" not in schema:
        return {schema.get("type", "anything"): schema}
    kinds: dict[str, Schema] = {}
    for alternative in schema["anyOf"]:
        kinds |= _kinds(alternative)
    return kinds


def _words(schema: Schema) -> Sequence[Any] | None:
    """Return the values of an enumeration; None: it is none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")
