"""Whether a schema may follow another: yesterday's events and yesterday's readers must live.

Events lie on topics for weeks, and releases run side by side while one replaces the other.
So a schema of the same version may only grow: new fields that may be missing, new words in
an enumeration. ``breaks`` names everything else.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

LEAST: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
MOST: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
SAME: Final = ("pattern", "format")

ADVICE: Final = (
    "Events that lie on topics, or readers of the last release, would break. Instead:\n"
    "  - a new field: give it a default, so that it may be missing;\n"
    "  - a field that nobody should use any more: keep it and fill it, say so where it stands;\n"
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
    return list(_breaks(old, old, new, new, "", same_version))


def _breaks(
    old: Schema, old_root: Schema, new: Schema, new_root: Schema, path: str, same: bool
) -> Iterator[str]:
    before, after = _kinds(old, old_root), _kinds(new, new_root)
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
                yield from _objects(was, old_root, now, new_root, path, same)
            case "array" if "items" in was and "items" in now:
                inner = f"{path}[]"
                yield from _breaks(was["items"], old_root, now["items"], new_root, inner, same)


def _objects(
    was: Schema, old_root: Schema, now: Schema, new_root: Schema, path: str, same: bool
) -> Iterator[str]:
    before, after = was.get("properties", {}), now.get("properties", {})
    needed_before, needed = set(was.get("required", ())), set(now.get("required", ()))

    def named(name: str) -> str:
        return f"{path}.{name}" if path else name

    for name in sorted(before.keys() - after.keys()):
        yield f"{named(name)}: the field is gone"
    for name in sorted(needed - needed_before):
        yield f"{named(name)}: it is needed now, and events lie there without it"
    for name in sorted((needed_before & after.keys()) - needed) if same else ():
        yield f"{named(name)}: it may be missing now, and older readers need it"
    for name in sorted(before.keys() & after.keys()):
        yield from _breaks(before[name], old_root, after[name], new_root, named(name), same)
    others, others_now = was.get("additionalProperties"), now.get("additionalProperties")
    if others_now is False and others is not False:
        yield f"{path or 'the record'}: unknown fields are no longer tolerated"
    if isinstance(others, Mapping) and isinstance(others_now, Mapping):
        yield from _breaks(others, old_root, others_now, new_root, named("*"), same)


def _narrower(was: Schema, now: Schema, at: str) -> Iterator[str]:
    """Yield where a value that was good is good no more."""
    before, after = _words(was), _words(now)
    if after is not None:
        if before is None:
            yield f"{at}: only {', '.join(map(repr, after))} is taken now"
        for word in before or ():
            if word not in after:
                yield f"{at}: {word!r} is no longer taken"
    for limit in LEAST:
        if limit in now and now[limit] > was.get(limit, float("-inf")):
            yield f"{at}: {limit} is {now[limit]} now, and was {was.get(limit, 'open')}"
    for limit in MOST:
        if limit in now and now[limit] < was.get(limit, float("inf")):
            yield f"{at}: {limit} is {now[limit]} now, and was {was.get(limit, 'open')}"
    for rule in SAME:
        if rule in now and now[rule] != was.get(rule):
            yield f"{at}: {rule} is {now[rule]!r} now, and was {was.get(rule, 'open')!r}"


def _kinds(schema: Schema, root: Schema) -> dict[str, Schema]:
    """Return the alternatives of a schema by their JSON type, references followed."""
    kinds: dict[str, Schema] = {}
    for alternative in schema.get("anyOf", (schema,)):
        resolved = alternative
        while "$ref" in resolved:
            resolved = root["$defs"][resolved["$ref"].removeprefix("#/$defs/")]
        if "anyOf" in resolved:
            kinds |= _kinds(resolved, root)
        else:
            kinds[resolved.get("type", "anything")] = resolved
    return kinds


def _words(schema: Schema) -> list[Any] | None:
    """Return the values of an enumeration; None: it is none."""
    if "const" in schema:
        return [schema["const"]]
    words: list[Any] | None = schema.get("enum")
    return words
