"""Projections: the rows of the ledger that each message of each topic becomes.

``rows_of`` is pure. A topic with a table in ``tables.TABLES`` needs no code here: each column
takes the field of its name. Only what is stored differently has a function.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import BaseModel
from sqlalchemy import Table

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    ModelRef,
    PolicyRef,
    TrackClassified,
    TrackDecided,
    TrackFingerprinted,
    TrackLabelled,
    Upload,
    UploadReceived,
    parse,
    stable_id,
)
from streams.contract.records.policy import PolicyChanged, PolicyShadowed
from streams.contract.records.reviews import ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.registry import keys_of_event
from streams.store.database import Row
from streams.store.tables import DEAD_LETTERS, LABELS, SHADOW_HITS, SUBJECTS, TABLES

RELEASE_NAMES: Final = ("upc", "ean", "icpn", "grid", "release_id")  # of upload.identifiers

Values = Mapping[str, Any]


def rows_of(message: Message) -> list[Row]:
    """Return the rows that a message of any topic becomes.

    Raises:
        BadInput: it is not the record that its topic promises.
    """
    topic = message.topic
    if topic in topics.DEAD:
        return [_dead_letter(message)]
    record = parse(topics.RECORDS[topic], message.value)
    text = (message.value or b"").decode()  # it has been parsed, so it is UTF-8
    recorded = {"recorded_at": _moment(message.timestamp_ms), "record": text}
    if topic in _SEVERAL:
        return _SEVERAL[topic](record, recorded)
    if topic not in TABLES:
        return []  # a request (tracks.reopened): the decision that follows names its cause
    parts, values = _PARTS[topic](record) if topic in _PARTS else ((), {})
    return [_row(TABLES[topic], (record, *parts), values | recorded)]


def _row(table: Table, sources: tuple[BaseModel, ...], values: Values) -> Row:
    """Return a row: each column from ``values``, else the field of its name in a source."""
    return Row(
        table,
        {
            name: values[name] if name in values else _value(sources, name)
            for name in table.columns.keys()  # noqa: SIM118 - a column collection yields columns
        },
    )


def _value(sources: tuple[BaseModel, ...], column: str) -> Any:
    """Return what a column takes; ``model_digest`` is the digest of the field ``model``."""
    for source in sources:
        if hasattr(source, column):
            value = getattr(source, column)
            if isinstance(value, ModelRef | PolicyRef):
                return value.name
            return value.value if isinstance(value, Enum) else value
    field, _, part = column.rpartition("_")
    return getattr(next(getattr(one, field) for one in sources if hasattr(one, field)), part)


Parts = tuple[tuple[BaseModel, ...], dict[str, Any]]


def _uploaded(record: UploadReceived) -> Parts:
    upload = record.upload
    return (upload,), {
        "contains_ai": upload.declared.contains_ai,
        "release_id": release_of(upload),
    }


def release_of(upload: Upload) -> str | None:
    """Return the release that a track belongs to, where the delivery names one."""
    names = {name.lower(): value for name, value in upload.identifiers.items()}
    return next((names[name] for name in RELEASE_NAMES if name in names), None)


def _fingerprinted(record: TrackFingerprinted) -> Parts:
    observation = record.observation
    return (record.audio,), {
        "observation_uri": observation.uri,
        "observation_version": observation.version,
    }


def _decided(record: TrackDecided) -> Parts:
    return (record.actions, record.label), {
        "analysis_id": record.analysis.analysis_id,
        "outcome": record.analysis.outcome.value,
    }


def _review_decided(record: ReviewDecided) -> Parts:
    return (), {"reviewer": record.reviewer.id}


def _rights_changed(record: RightsChanged) -> Parts:
    entry, generator = record.entry, record.generator
    return (), {
        "kind": "generator" if entry is None else "entry",
        "agreement_id": entry and entry.agreement_id,
        "generator_id": generator and generator.generator_id,
        "permission": entry and entry.permission,
        "valid_from": entry and entry.valid_from,
        "valid_until": entry and entry.valid_until,
    }


def _policy_changed(record: PolicyChanged) -> Parts:
    return (record.policy,), {}


def _classified(record: TrackClassified, recorded: Values) -> list[Row]:
    analysis = _row(TABLES[topics.CLASSIFIED], (record, record.analysis), dict(recorded))
    subjects = [
        _row(SUBJECTS, (record,), {"kind": kind, "name": name})
        for kind, name in sorted(keys_of_event(record))
    ]
    return [analysis, *subjects]


def _labelled(record: TrackLabelled, recorded: Values) -> list[Row]:
    effective = record.effective.label_id
    return [
        _row(
            LABELS,
            (record, label),
            {
                **recorded,
                "effective": label.label_id == effective,
                "record": label.to_bytes().decode(),
            },
        )
        for label in record.labels
    ]


def _shadowed(record: PolicyShadowed, recorded: Values) -> list[Row]:
    dimensions = ",".join(record.changed_dimensions)
    return [
        _row(SHADOW_HITS, (record, hit), {**recorded, "changed_dimensions": dimensions})
        for hit in record.rules
    ]


# What a row takes from below its record: parts whose fields are columns, and single values.
_PARTS: Final[dict[str, Callable[[Any], Parts]]] = {
    topics.UPLOADED: _uploaded,
    topics.FINGERPRINTED: _fingerprinted,
    topics.DECIDED: _decided,
    topics.REVIEWS_DECIDED: _review_decided,
    topics.RIGHTS_CHANGED: _rights_changed,
    topics.POLICIES_CHANGED: _policy_changed,
}
# Records that become several rows.
_SEVERAL: Final[dict[str, Callable[[Any, Values], list[Row]]]] = {
    topics.CLASSIFIED: _classified,
    topics.LABELLED: _labelled,
    topics.POLICIES_SHADOWED: _shadowed,
}


def _dead_letter(message: Message) -> Row:
    letter = dead_letters.read(message.topic, message.key, message.value, message.headers)
    origin = letter.origin or message.origin
    # The origin alone is no id: the embedded broker counts from 0 again when it restarts.
    content = sha256(message.value or b"").hexdigest()
    return Row(
        DEAD_LETTERS,
        {
            "dead_letter_id": stable_id("ddl", origin, content),
            "source": letter.source,
            "processor": letter.processor,
            "reason": letter.reason,
            "detail": letter.detail,
            "origin": origin,
            "upload_id": _upload_id(letter.value),
            "track_id": None if letter.key is None else letter.key.decode(errors="replace"),
            "key": letter.key,
            "value": letter.value,
            "omitted": letter.omitted,
            "headers": orjson.dumps(
                [(name, b64encode(value).decode()) for name, value in message.headers]
            ).decode(),
            "recorded_at": _moment(message.timestamp_ms),
        },
    )


def _upload_id(value: bytes | None) -> str | None:
    """Return the upload id of a dead letter, where its bytes are readable enough."""
    try:
        upload_id = orjson.loads(value or b"")["upload_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return upload_id if isinstance(upload_id, str) else None


def _moment(timestamp_ms: int) -> datetime | None:
    """Return the broker's time; None where it gave none."""
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC) if timestamp_ms else None
