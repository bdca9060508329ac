"""Projections: the rows of the ledger that each message of each topic becomes.

``rows_of`` is pure. A topic with a table in ``tables.TABLES`` needs no code here: each column takes
the field of its name. Only values that are stored differently are named here.
"""

from base64 import b64encode
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Table

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    Identifier,
    ModelRef,
    PolicyRef,
    Record,
    TrackClassified,
    TrackDecided,
    TrackFingerprinted,
    TrackLabelled,
    Upload,
    UploadReceived,
    stable_id,
)
from streams.contract.records.policy import PolicyChanged, PolicyShadowed, TrackReopened
from streams.contract.records.rescoring import TrackRescored, TrackRescoring
from streams.contract.records.reviews import ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.registry import keys_of_event
from streams.store.database import Row
from streams.store.tables import DEAD_LETTERS, LABELS, SHADOW_HITS, SUBJECTS, TABLES

RELEASE_NAMES: Final = ("upc", "ean", "icpn", "grid", "release_id")  # of upload.identifiers
ID: Final[TypeAdapter[str]] = TypeAdapter(Identifier)
COPIED: Final = ("source", "processor", "reason", "detail", "key", "value", "omitted")

Sources = tuple[BaseModel, ...]
Values = dict[str, Any]


def rows_of(message: Message) -> list[Row]:
    """Return the rows that a message of any topic becomes.

    Raises:
        BadInput: it is not the record that its topic promises.
    """
    topic = message.topic
    if topic in topics.DEAD:
        return [_dead_letter(message)]
    record = message.record(topics.RECORDS[topic])
    text = (message.value or b"").decode()  # it has been parsed, so it is UTF-8
    recorded = {"recorded_at": moment(message.timestamp_ms), "record": text}
    match record:
        case TrackLabelled(labels=labels, effective=effective):
            return [
                _row(
                    LABELS,
                    (record, label),
                    recorded
                    | {"effective": label.label_id == effective.label_id}
                    | {"record": label.to_bytes().decode()},
                )
                for label in labels
            ]
        case PolicyShadowed(changed_dimensions=changed, rules=rules):
            recorded["changed_dimensions"] = ",".join(changed)
            return [_row(SHADOW_HITS, (record, hit), recorded) for hit in rules]
        case TrackReopened() | TrackRescoring():
            return []  # a request: what follows names its cause
    parts, values = _parts(record)
    rows = [_row(TABLES[topic], (record, *parts), values | recorded)]
    if isinstance(record, TrackClassified):
        keys = sorted(keys_of_event(record))
        rows += [_row(SUBJECTS, (record,), {"kind": kind, "name": name}) for kind, name in keys]
    return rows


def _row(table: Table, sources: Sources, values: Values) -> Row:
    """Return a row: each column from ``values``, else the field of its name in a source."""
    names = table.columns.keys()
    return Row(table, {n: values[n] if n in values else _value(sources, n) for n in names})


def _value(sources: Sources, column: str) -> Any:
    """Return the value of a column; ``model_digest`` is the digest of the field ``model``."""
    for source in sources:
        if hasattr(source, column):
            value = getattr(source, column)
            if isinstance(value, ModelRef | PolicyRef):
                return value.name
            return value.value if isinstance(value, Enum) else value
    field, _, part = column.rpartition("_")
    return getattr(next(getattr(s, field) for s in sources if hasattr(s, field)), part)


def _parts(record: Record) -> tuple[Sources, Values]:
    """Return parts of a record whose fields are columns, and single values from below it."""
    values: Values
    match record:
        case UploadReceived(upload=upload):
            values = {"contains_ai": upload.declared.contains_ai, "release_id": release_of(upload)}
            return (upload,), values
        case TrackFingerprinted(audio=audio):
            return (audio,), {}
        case TrackClassified(analysis=analysis) | TrackRescored(analysis=analysis):
            return (analysis,), {}
        case TrackDecided(actions=actions, label=label, analysis=analysis):
            values = {"analysis_id": analysis.analysis_id, "outcome": analysis.outcome.value}
            return (actions, label), values
        case ReviewDecided(reviewer=reviewer):
            return (), {"reviewer": reviewer.id}
        case RightsChanged(entry=entry, generator=generator):
            names = ("agreement_id", "permission", "valid_from", "valid_until")
            values = {name: entry and getattr(entry, name) for name in names}
            values["kind"] = "generator" if entry is None else "entry"
            values["generator_id"] = generator and generator.generator_id
            return (), values
        case PolicyChanged(policy=policy):
            return (policy,), {}
    return (), {}


def release_of(upload: Upload) -> str | None:
    """Return the release that a track belongs to, where the delivery names one."""
    names = {name.lower(): value for name, value in upload.identifiers.items()}
    return next((names[name] for name in RELEASE_NAMES if name in names), None)


def _dead_letter(message: Message) -> Row:
    letter = dead_letters.read(message.topic, message.key, message.value, message.headers)
    origin = letter.origin or message.origin
    # The origin alone is no id: the embedded broker counts from 0 again when it restarts.
    content = sha256(message.value or b"").hexdigest()
    headers = [(name, b64encode(value).decode()) for name, value in message.headers]
    return Row(
        DEAD_LETTERS,
        {
            "dead_letter_id": stable_id("ddl", origin, content),
            **{name: getattr(letter, name) for name in COPIED},
            "origin": origin,
            "upload_id": _upload_id(letter.value),
            "track_id": _id(letter.key),
            "headers": orjson.dumps(headers).decode(),
            "recorded_at": moment(message.timestamp_ms),
        },
    )


def _upload_id(value: bytes | None) -> str | None:
    """Return the upload id of a dead letter, where its bytes are readable enough."""
    try:
        return _id(orjson.loads(value or b"")["upload_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _id(text: object) -> str | None:
    """Return what can be the id of an upload or a track; None: no other row has such a one."""
    try:
        return ID.validate_python(text)
    except ValidationError:
        return None


def moment(timestamp_ms: int) -> datetime | None:
    """Return a message's time; None where it has none."""
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC) if timestamp_ms else None
