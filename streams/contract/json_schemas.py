"""The contract of the topics: a JSON Schema for each, and one AsyncAPI document about all.

Generated from the records; published in ``streams/contract/schemas`` with the package, where other
teams find them without running anything. ``earmark schemas`` writes them.
"""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from detector.errors import Fatal
from streams.contract import dead_letters, topics
from streams.contract.compatibility import ADVICE, breaks
from streams.contract.records import Record
from streams.contract.topics import RECORDS, TOPICS

PUBLISHED: Final = Path(__file__).resolve().parent / "schemas"
ASYNCAPI: Final = "asyncapi.json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
JSON_SCHEMA: Final = "application/schema+json;version=2020-12"

HEADERS: Final = {
    dead_letters.PROCESSOR: "who could not process it",
    dead_letters.REASON: "a short stable code: missing_file, undecodable ...",
    dead_letters.DETAIL: "a sentence for people",
    dead_letters.ORIGIN: "topic/partition/offset of the source message",
    dead_letters.ORIGIN_TIME: "its timestamp, in milliseconds since 1970",
    dead_letters.VALUE: "null or omitted, where the value could not lie here as it came",
}


class ContractBreaks(Fatal):
    """A published schema would be replaced by one that breaks its readers or writers."""


def version(record: type[Record]) -> int:
    """Return the version that writers of a record write."""
    default: int = record.model_fields["schema_version"].default
    return default


def schema_name(topic: str) -> str:
    """Return the file name of a topic's present schema."""
    return f"{topic}.v{version(RECORDS[topic])}.json"


def schema(topic: str) -> dict[str, Any]:
    """Return the JSON Schema of a topic's record.

    It describes what a reader accepts; writers omit null fields.
    """
    record = RECORDS[topic]
    return {
        "$schema": DIALECT,
        "$id": f"urn:earmark:{topic}:v{version(record)}",
        **record.model_json_schema(mode="validation"),
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document; it refers to the schemas beside it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {"DeadLetter": _dead_letter()}
    for declared in TOPICS:
        topic, record = declared.name, declared.record
        name = record.__name__
        key = {"type": "string", "description": declared.key}
        messages[name] = {
            "name": name,
            "title": name,
            "summary": inspect.getdoc(record),
            "contentType": "application/json",
            "payload": {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": schema_name(topic)}},
            "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        }
        channels[topic] = _channel(topic, name)
        dead = topics.dead(topic)
        channels[dead] = _channel(dead, "DeadLetter")
        action = "receive" if declared.received else "send"
        operations[f"{action}.{topic}"] = _operation(action, topic)
        operations[f"send.{dead}"] = _operation("send", dead)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Earmark",
            "version": ".".join(map(str, (max(map(version, RECORDS.values())), 0, 0))),
            "description": (
                "What a music platform is being sent: uploads, labels, decisions. Every event "
                "has deterministic ids, so that reading it twice is harmless; unknown fields "
                "are to be ignored, since schemas of one version may grow."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def files() -> dict[str, bytes]:
    """Return all files of the contract, by name."""
    documents = {schema_name(topic): schema(topic) for topic in RECORDS} | {ASYNCAPI: asyncapi()}
    return {
        name: orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        for name, document in documents.items()
    }


def broken(published: Path = PUBLISHED) -> list[str]:
    """Return what the records break of the schemas in a folder; empty: nothing.

    Schemas of earlier versions stay there, and their events must still be read.
    """
    faults: list[str] = []
    for topic, record in RECORDS.items():
        for path in sorted(published.glob(f"{topic}.v*.json")):
            old = orjson.loads(path.read_bytes())
            same = path.name == schema_name(topic)
            sentences = breaks(old, schema(topic), same_version=same)
            faults += [f"{path.stem} ({record.__name__}): {sentence}" for sentence in sentences]
    return faults


def write(folder: Path) -> Iterable[Path]:
    """Write the contract into a folder; return what was written.

    Raises:
        ContractBreaks: a schema that is there already would be broken; nothing is written.
    """
    faults = broken(folder)
    if faults:
        raise ContractBreaks("\n  ".join(["this breaks the contract:", *faults]) + f"\n{ADVICE}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in files().items():
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return paths


def _channel(topic: str, message: str) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _operation(action: str, topic: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


def _dead_letter() -> dict[str, Any]:
    headers = {
        name: {"type": "string", "description": meaning} for name, meaning in HEADERS.items()
    }
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "The source message as it came, key, value and headers, with why it is here.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": headers},
        "payload": {"description": "The exact bytes of the source message."},
    }
