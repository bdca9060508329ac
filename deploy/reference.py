"""The pages of ``docs/reference``, written from registries and from the code."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import typer

from deploy import reference_errors, reference_http, reference_rights
from deploy.glossary import TERMS
from detector.audio.container import DEMUXERS
from detector.matching.classes import MatchClass
from streams.cli import renamed
from streams.cli.main import app
from streams.contract.json_schemas import schema
from streams.contract.processes import PROCESSES
from streams.contract.topics import DEAD_SUFFIX, TOPICS
from streams.media.audio_formats import CONTAINERS
from streams.ops.rows import table as out_table
from streams.runtime.metrics import table as metrics_table
from streams.runtime.settings import table as settings_table

WRITTEN: Final = "<!-- generated: make generate -->\n"


def pages() -> Mapping[str, str]:
    """Return each page by its file name."""
    return {
        "settings.md": _page(
            "Settings",
            "For operators.",
            "All settings are environment variables, read once and validated at start. An unknown "
            "`EARMARK_*` name is an error.\n\n"
            "`earmark settings` prints the values of your shell. Those of a running `make run` are "
            "in `.earmark/run.json`.",
            settings_table(),
        ),
        "metrics.md": _page(
            "Metrics",
            "For operators and people on call.",
            "Every process serves `/metrics`. The label `processor` is the name of a process. "
            "The monitor measures what no single process can know, such as lag.",
            metrics_table(),
        ),
        "topics.md": _page(
            "Topics",
            "For engineers who read or write events.",
            "`streams/contract/topics.py` declares the topics. `earmark schemas --out DIR` writes "
            f"the JSON Schemas and the AsyncAPI document. Each topic has a dead-letter topic with "
            f"the suffix `{DEAD_SUFFIX}`.\n\n"
            "Readers ignore unknown fields. Within a version a schema only grows: optional fields "
            "and new values of enumerations. Release the readers first.",
            _topics(),
        ),
        "cli.md": _page(
            "Command line",
            "For everybody who uses `earmark`.",
            "`earmark COMMAND --help` prints the same.",
            "\n\n".join(_commands(typer.main.get_command(app), "earmark")),
        )
        + _old_spellings(),
        "http.md": _page(
            "HTTP API",
            "For engineers who use the API.",
            "The console's process serves the API under `/v1`. `/v1/openapi.json` is the same for "
            "programs. Each request has `Authorization: Bearer KEY`; an admin makes keys in the "
            "console. Errors are `application/problem+json`; lists have cursors. "
            "[How to](../how-to/console.md#api) has the rules of keys.",
            reference_http.body(_table),
        ),
        "out.md": _page(
            "Fields of OUT",
            "For ingest engineers and data scientists.",
            "`make run OUT=ends.jsonl` and `earmark submit FILES --out ends.jsonl` write one JSON "
            "object a line for each file, as it ends. The field `status` names its kind.",
            out_table(),
        ),
        "errors.md": _page(
            "Reasons of errors",
            "For ingest engineers and people on call.",
            "A reason is one stable word: the label of a metric, a filter of dead letters, the "
            "`code` of a problem. A sentence beside it names the case.",
            reference_errors.body(_table),
        ),
        "policy.md": _page(
            "Policy",
            "For people who write policy.",
            "A policy is one YAML file. `earmark policy lint FILE` checks it, and names line, "
            "column and remedy of each fault. [Your first rule](../start/first-rule.md) shows how.",
            reference_rights.policy(_table),
        ),
        "rights-files.md": _page(
            "Columns of rights files",
            "For rights managers.",
            "`earmark rights import FILE` reads CSV with these columns, in any order. Several "
            "values in a cell are separated by semicolons; *yes or no* is also `1`, `true`, `0`, "
            "`false`. An unknown column is refused. JSON lines with the fields of `rights.changed` "
            "are read, too.",
            reference_rights.rights_files(_table),
        ),
        "glossary.md": _page(
            "Glossary",
            "For everybody.",
            "In the order in which an upload meets the words. Each thing has one word, here as in "
            "the code, the console and the metrics.",
            _table(("word", "meaning"), ((f"**{one.word}**", one.meaning) for one in TERMS))
            + f"\n\n## Classes of matches\n\nThe strongest first.\n\n{_match_classes()}",
        ),
        "audio.md": _page(
            "Audio files",
            "For ingest engineers.",
            "The first bytes of a file name its container. In folders, Earmark sends the files "
            "with these extensions, and also `.ape` and `.wma`, which become dead letters. A file "
            "that is named itself is always sent.",
            f"{_containers()}\n\n{ANALYSED}",
        ),
    }


ANALYSED: Final = """\
## What is analysed

- **All links.** Several recordings may stand in one file, one after the other: chained Ogg,
  joined files. All are decoded, at one rate, up to 256 of them.
- **The default stream.** Of several audio streams, the one with the flag *default* is analysed
  (in MP4: enabled), else the first one.
- **Channels that cancel.** The mean of the channels is analysed. Where one is another's negative,
  the loudest one is analysed.
- **Channels that differ.** Where the two have nothing in common, left, right and their
  difference are analysed as well, and looked up among known tracks.
- **Three and more channels.** Each that is unlike the others is analysed as well, and looked up:
  the loudest of those that are alike stands for them, up to eight in all. Of a recording of more
  than 15 minutes they are fewer, of one of more than an hour none. The answer names a channel
  by its number in the file; the first is 1. Any two opposed ones make `audio.channels_differ` 1.
- **Tags in front.** ID3 tags in front of any container are passed over, and so are tags between
  links.

What cannot be decoded counts as missed: damaged packets, a part in a refused codec, links beyond
the 256th, and what a header states that the file does not hold.

| a file that was cut | share of the rest |
| --- | --- |
| WAV, RF64, Wave64, AIFF, CAF, FLAC, WavPack | the share of the stated length |
| Matroska, WebM, MP4 with its index in front | the share of the stated length |
| MP3 whose first frame states its length (Xing, Info, VBRI) | the share of that |
| other MP3, ADTS, Ogg, live Matroska, MP4 in fragments | 1: they state no length |
| a length of zero or near the largest one, as pipes write | 1 |
| MP4, or CAF with packets, with the index behind the audio | refused: nothing can be decoded |

A length counts as held to within 0.1 s, since encoders pad.
The share of the rest, the number of streams, and how far channels cancel and differ are facts of
each answer. The policy can ask for them: features `audio.*`.

## What is refused

A refused file becomes a dead letter with its reason; nothing is decided about it.

| reason | why |
| --- | --- |
| `unsupported_format` | no container of the table, a codec that is not decoded |
| `unsupported_format` | a rate outside of 4 to 384 kHz, more than 64 channels |
| `no_audio` | a container without an audio stream |
| `undecodable` | not one sample could be decoded |
| `empty_file`, `not_a_file` | no bytes; a folder, a pipe or a device |
| `too_large` | more than `EARMARK_FETCH_MAX_BYTES` |
| `too_long` | longer than `EARMARK_DECODE_MAX_DURATION_S` |
| `too_much_memory` | decoding needs more than `EARMARK_DECODE_MAX_MEMORY_MB` |
| `decode_timeout` | decoding takes more than `EARMARK_DECODE_CPU_S` or `EARMARK_DECODE_TIMEOUT_S` |

WMA, TTA, DSF, APE and raw AC3 are refused as `unsupported_format`. Each decoder more is code that
reads hostile bytes, and few deliver them. Video streams are ignored.

Raw MP3 or ADTS behind another container is found by five frames in a row. An MP4 in fragments
behind another MP4 makes the file `unsupported_format`.

## Before you transcode

Call the hook with the file as it was delivered. A transcode drops the C2PA manifest, most tags and
marks of generators, and the signature with it. A new tag is enough to break a signature.
[What is read of a file](../explanation/labels.md#provenance-in-the-file) and
[whose signature confirms](../how-to/trust.md) are on their own pages."""


def _page(title: str, readers: str, lead: str, body: str) -> str:
    return f"{WRITTEN}# {title}\n\n*{readers}*\n\n{lead}\n\n{body}\n"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _match_classes() -> str:
    known = (one for one in MatchClass if one is not MatchClass.NONE)
    return _table(("class", "what the two have in common"), ((f"`{c}`", c.meaning) for c in known))


def _topics() -> str:
    readers = {
        topic.name: ", ".join(p.name for p in PROCESSES.values() if topic.name in p.reads)
        for topic in TOPICS
    }
    rows = (
        (
            f"`{topic.name}`",
            # the published schemas have the same text
            _first_line(topic.record.__doc__).partition(": ")[2] + " <!-- prose: published -->",
            topic.key.partition(":")[0],
            "for ever" if topic.for_ever else "`EARMARK_RETENTION_H`",
            readers[topic.name],
        )
        for topic in TOPICS
    )
    table = _table(("topic", "record", "key", "retention", "read by"), rows)
    return "\n\n".join((table, "## Fields", *_fields()))


def _fields() -> Iterator[str]:
    """Yield a table for each record of the topics, and for each within them, once."""
    written: set[str] = set()
    for topic in TOPICS:
        published = schema(topic.name)
        parts = {published["title"]: published, **published.get("$defs", {})}
        for name in sorted(parts, key=lambda name: name != published["title"]):
            properties = parts[name].get("properties", {})
            if not properties or name in written:
                continue
            written.add(name)
            needed = parts[name].get("required", ())
            yield f"### {name}"
            yield _table(
                ("field", "meaning"),
                (
                    (f"`{field}`{' (needed)' if field in needed else ''}", value["description"])
                    for field, value in properties.items()
                ),
            )


def _containers() -> str:
    rows = (
        (
            f"`{name}`",
            " ".join(f"`{suffix}`" for suffix in CONTAINERS[name].suffixes),
            f"`{CONTAINERS[name].media_type}`",
            "read" if CONTAINERS[name].c2pa else "",
        )
        for name in DEMUXERS
    )
    return _table(("container (FFmpeg's name)", "extensions", "media type", "C2PA manifest"), rows)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0]


def _commands(command: Any, path: str) -> Iterator[str]:
    """Yield the section of each command below a group; hidden ones are left out."""
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _commands(inner, f"{path} {name}")
    if not hasattr(command, "commands"):
        parameters = [p for p in command.params if p.name != "help" and not p.hidden]
        arguments = [p.name.upper() for p in parameters if p.param_type_name == "argument"]
        rows = [(f"`{_spelling(p)}`", p.help or "") for p in parameters]
        text = "\n".join(line.strip() for line in (command.help or "").strip().splitlines())
        yield f"## `{' '.join([path, *arguments])}`\n\n{text.replace(chr(8), '')}"
        if rows:
            yield _table(("option", "meaning"), rows)


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name.upper())
    return ", ".join((*parameter.opts, *parameter.secondary_opts))


def _old_spellings() -> str:
    pairs = [(" ".join(old), " ".join(new)) for old, new in renamed.COMMANDS.items()]
    pairs += [(f"policy switch RULE {x}", f"policy {y} RULE") for x, y in renamed.SWITCHED.items()]
    for group, options in renamed.OPTIONS.items():
        pairs += [(f"{group} {old}", f"{group} {new}") for old, new in options.items()]
    rows = [(f"`earmark {old}`", f"`earmark {new}`") for old, new in pairs]
    lead = "\n## Old spellings\n\nThis release still accepts them.\n\n"
    return f"{lead}{_table(('old', 'new'), rows)}\n"
