"""The marks that generators leave in their files: one table, and how it is matched.

A mark is text that anyone can write and remove: it declares, and never confirms. Each pattern
fits a form that no person types by chance. The word "Suno" in a title is no mark.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from streams.contract.records import Aigc, Mark, MarkKind, MarkStrength

VERSION: Final = "2"
"""Of the table and the reading: files that were read by another version are read again."""
MAX_MARKS: Final = 20
LONGEST: Final = 200  # characters of what a mark names
MAX_GRAPHS: Final = 4
MAX_NODES: Final = 5_000
MAX_NESTING: Final = 3  # of an AIGC tag in objects and quotes
UUID: Final = r"(?P<song_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
COMMENTS: Final = frozenset({"comment", "comments", "description", "icmt", "©cmt", "desc"})
ADDRESSES: Final = frozenset({"woas", "woaf", "wxxx", "purl", "url", "website", *COMMENTS})


class Row(NamedTuple):
    """One kind of mark: where it stands, its form, and the generator that leaves it.

    The pattern may name the groups ``version`` and ``song_id``.
    """

    generator: str
    keys: frozenset[str]
    pattern: re.Pattern[str]
    strength: MarkStrength = "strong"
    kind: MarkKind = "tag"


def _row(generator: str, keys: Iterable[str], pattern: str, **rest: Any) -> Row:
    return Row(generator, frozenset(keys), re.compile(pattern, re.IGNORECASE), **rest)


# FFmpeg joins comments of one name by a semicolon: a mark may begin after one. ID3v1 cuts it.
TABLE: Final = (
    _row(
        "Suno",
        COMMENTS,
        r"(?:^|;)\s*made with suno(?: (?P<version>studio))?; created=[-0-9T:.+Z]{6,40}"
        rf"(?:; id={UUID})?\s*(?:;|$)",
    ),
    _row("Suno", ADDRESSES, rf"^https?://(?:www\.)?suno\.(?:com|ai)/song/{UUID}/?$"),
    _row("Udio", {"artist"}, r"^Udio (?P<version>v\d{1,2}(?:\.\d{1,2})?)$", strength="weak"),
    _row("MiniMax", {"aigc"}, r"^HUABABSpeech7E01$", kind="aigc"),
    _row("Mureka", {"aigc"}, r"^Mureka$", kind="aigc"),
    _row("Suno", {"c2pa.generator", "c2pa.agent"}, r"^Suno(?: (?P<version>.+))?$", kind="c2pa"),
    _row("Lyria", {"c2pa.description"}, r"^Created by Google Generative AI\.$", kind="c2pa"),
    _row(
        "ElevenLabs",
        {"c2pa.generator", "c2pa.agent"},
        r"^ElevenLabs(?: (?P<version>.+))?$",
        kind="c2pa",
    ),
    _row(
        "ACE-Step",
        {"node"},
        r"^(?:TextEncodeAceStepAudio|EmptyAceStep|ACE_?Step\w*?)"
        r"(?P<version>\d\.\d)?(?:LatentAudio)?$",
        kind="graph",
    ),
    _row("YuE", {"node"}, r"^(?:YUE_Stage_[AB]_\w+|YuE(?P<version>2)\w*)$", kind="graph"),
    _row("Stable Audio", {"node"}, r"^(?:ConditioningStableAudio|StableAudio\w*)$", kind="graph"),
)
# Assertions of a maker's own in a manifest: the fields that name version and song.
ASSERTIONS: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "com.suno.provenance": ("Suno", ("systemVersion", "model"), ("contentId", "song_id")),
}
GRAPHS: Final = frozenset({"prompt", "workflow"})


def marks_of(texts: Iterable[tuple[str, str]]) -> tuple[Mark, ...]:
    """Return the marks in the tags of a file, those of a graph among them."""
    texts = tuple(texts)
    marks: list[Mark] = []
    for key, text in texts:
        marks += _matches(key, text)
    for key, text in [one for one in texts if one[0] in GRAPHS][:MAX_GRAPHS]:
        for node in _nodes(text):
            marks += _matches("node", node, key)
    return merged(marks)


def marks_of_aigc(tag: Aigc | None) -> tuple[Mark, ...]:
    """Return the mark of a generator whose maker an AIGC tag names."""
    if tag is None or tag.producer is None:
        return ()
    marks = _matches("aigc", tag.producer)
    song = tag.produce_id and tag.produce_id[:LONGEST]
    return tuple(mark.model_copy(update={"song_id": song}) for mark in marks)


def marks_of_manifest(
    manifest: Mapping[str, Any], texts: Iterable[tuple[str, str]], *, intact: bool
) -> tuple[Mark, ...]:
    """Return the marks of a C2PA manifest: in its texts, and in assertions of makers."""
    marks = [mark for key, text in texts for mark in _matches(key, text)]
    for entry in manifest.get("assertions", ()):
        label = str(entry.get("label", "")).split("__")[0]
        data = entry.get("data")
        if label in ASSERTIONS and isinstance(data, Mapping):
            generator, versions, songs = ASSERTIONS[label]
            version, song = _first(data, versions), _first(data, songs)
            mark = Mark(generator=generator, kind="c2pa", strength="strong", place=label,
                        version=version, song_id=song)  # fmt: skip
            marks.append(mark)
    return tuple(mark.model_copy(update={"intact": intact}) for mark in merged(marks))


def aigc_of(texts: Iterable[tuple[str, str]]) -> Aigc | None:
    """Return the AIGC tag: nested or flat, in any case, with or without quotes around it."""
    for key, text in texts:
        if key == "aigc" and (tag := _aigc(text)) is not None:
            return tag
    return None


def merged(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return one mark for each generator and kind, with what any of them names; strong first."""
    by_kind: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        first = by_kind.get((mark.generator, mark.kind), mark)
        more = {"version": first.version or mark.version, "song_id": first.song_id or mark.song_id}
        by_kind[mark.generator, mark.kind] = first.model_copy(update=more)
    return tuple(sorted(by_kind.values(), key=lambda one: one.strength != "strong"))[:MAX_MARKS]


def _matches(key: str, text: str, shown: str | None = None) -> Iterator[Mark]:
    for row in TABLE:
        if key in row.keys and (match := row.pattern.search(text[:5_000])):
            named = {name: value[:LONGEST] for name, value in match.groupdict().items() if value}
            yield Mark(generator=row.generator, kind=row.kind, strength=row.strength,
                       place=shown or key, **named)  # fmt: skip


def _first(data: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((data[name][:LONGEST] for name in names if isinstance(data.get(name), str)), None)


def _nodes(text: str) -> Iterator[str]:
    """Return the class names of the nodes of a graph of ComfyUI, of either form."""
    try:
        graph = orjson.loads(text)
    except ValueError:
        return
    if not isinstance(graph, dict):
        return
    nodes = graph.get("nodes", graph.values())
    for node in list(nodes)[:MAX_NODES] if isinstance(nodes, Iterable) else ():
        if isinstance(node, dict):
            name = node.get("class_type", node.get("type"))
            if isinstance(name, str):
                yield name


def _aigc(text: str) -> Aigc | None:
    try:
        value: Any = text
        for _ in range(MAX_NESTING):
            value = orjson.loads(value.strip().strip("'")) if isinstance(value, str) else value
            value = _folded(value).get("aigc", value) if isinstance(value, dict) else value
        tag = _folded(value)
        return Aigc.model_validate(
            {
                "label": str(tag["label"]),
                "producer": tag.get("contentproducer") or None,
                "produce_id": tag.get("produceid") or None,
                "propagator": tag.get("contentpropagator") or None,
                "propagate_id": tag.get("propagateid") or None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _folded(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {key.casefold(): value for key, value in tag.items()}
