"""The contract of the topics: a JSON Schema for each, and one AsyncAPI document about all.

Generated from the records and published in ``streams/contract/schemas``, with the package.
"""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from detector.errors import Fatal
from streams.contract import dead_letters, field_texts, topics
from streams.contract.compatibility import ADVICE, breaks
from streams.contract.records import Record
from streams.contract.topics import RECORDS, TOPICS

PUBLISHED: Final = Path(__file__).resolve().parent / "schemas"
ASYNCAPI: Final = "asyncapi.json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
JSON_SCHEMA: Final = "application/schema+json;version=2020-12"

ORDER: Final = "Messages of one key are in one partition, and in order. They may come twice."
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
    return int(record.model_fields["schema_version"].default)


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
        **_described(record.model_json_schema(mode="validation")),
    }


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with a sentence for each field, of its own records and those within."""
    for name, part in ((schema["title"], schema), *schema.get("$defs", {}).items()):
        for field, value in part.get("properties", {}).items():
            if text := field_texts.of(name, field):
                value["description"] = text
    return schema


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document; it refers to the schemas beside it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {"DeadLetter": _dead_letter()}
    for topic in TOPICS:
        name = topic.record.__name__
        key = {"type": "string", "description": topic.key}
        messages[name] = {
            "name": name,
            "title": name,
            "summary": inspect.getdoc(topic.record),
            "contentType": "application/json",
            "payload": {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": schema_name(topic.name)}},
            "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        }
        action = "receive" if topic.received else "send"
        for address, message, does in (
            (topic.name, name, action),
            (topics.dead(topic.name), "DeadLetter", "send"),
        ):
            channels[address] = {
                "address": address,
                "description": ORDER,
                "messages": {message: {"$ref": f"#/components/messages/{message}"}},
                "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
            }
            channel = {"$ref": f"#/channels/{address}"}
            operations[f"{does}.{address}"] = {"action": does, "channel": channel}
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
            same = path.name == schema_name(topic)
            sentences = breaks(orjson.loads(path.read_bytes()), schema(topic), same_version=same)
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
    contents = {folder / name: content for name, content in files().items()}
    for path, content in contents.items():
        path.write_bytes(content)
    return contents


def _dead_letter() -> dict[str, Any]:
    headers = {name: {"type": "string", "description": text} for name, text in HEADERS.items()}
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "The source message as it came, key, value and headers, with why it is here.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": headers},
        "payload": {"description": "The exact bytes of the source message."},
    }
