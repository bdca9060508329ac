"""What all records share: base classes, types of fields, ids, parsing."""

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from detector.errors import BadInput

MAX_RECORD_BYTES = 900_000  # below Kafka's default limit of 1 MB for a message
MAX_WHOLE: Final = 2**31 - 1  # of a column of integers
MAX_LONG: Final = 2**53 - 1  # of a number of any reader of JSON
MAX_NAME: Final = 256  # characters: two of the longest fit into one entry of an index


def faults(error: ValidationError) -> list[str]:
    """Return the first five faults of a value, each with its field."""
    return [
        f"{'.'.join(str(part) for part in fault['loc']) or 'record'}: "
        + ("no such field" if fault["type"] == "extra_forbidden" else fault["msg"])
        for fault in error.errors(include_url=False, include_input=False)[:5]
    ]


class InvalidRecord(BadInput):
    """Bytes on a topic that are not the record which the topic promises."""


def stable_id(prefix: str, *parts: str) -> str:
    """Return a deterministic id: ``prefix`` and 96 bits of SHA-256 over the parts.

    Redelivery and replay therefore produce the same id, and consumers are idempotent by it.
    """
    digest = hashlib.sha256(orjson.dumps(parts)).hexdigest()
    return f"{prefix}_{digest[:24]}"


def _plain(value: str) -> str:
    """Refuse what an index or PostgreSQL does not take; published schemas do not state it."""
    if len(value) > MAX_NAME or re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise ValueError(f"at most {MAX_NAME} characters, no control characters")
    return value


def _within(most: int) -> AfterValidator:
    """Refuse what no column takes; published schemas do not state it."""

    def check(value: int) -> int:
        if abs(value) > most:
            raise ValueError(f"at most {most}")
        return value

    return AfterValidator(check)


def _finite(value: object) -> object:
    """Refuse a text such as "inf" or "1e999", of which pydantic makes a number."""
    if isinstance(value, str) and not math.isfinite(float(value)):
        raise ValueError("a finite number")
    return value


Bounded: Final = _within(MAX_WHOLE)
Whole = Annotated[int, Bounded]
Long = Annotated[int, _within(MAX_LONG)]
Number = Annotated[float, BeforeValidator(_finite)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strip_whitespace=True)]
Identifier = Annotated[Name, AfterValidator(_plain)]
Word = Annotated[str, AfterValidator(_plain)]
Moment = Annotated[  # in UTC within the calendar, in every zone of a database
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime.max.replace(tzinfo=UTC)),
]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Territory = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|Worldwide)$")]
Isrc = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Z0-9]{3}\d{7}$")]


class Record(BaseModel):
    """Base of everything that rides a topic."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    def to_bytes(self) -> bytes:
        """Return the record as canonical JSON (UTF-8)."""
        return self.model_dump_json(exclude_none=True).encode()

    @property
    def key(self) -> str:
        """The Kafka key: the track, whose events keep their order."""
        track_id: str = self.track_id  # type: ignore[attr-defined] # of every event but registries'
        return track_id


class Event(Record):
    """Base of the records that are topics' messages."""

    schema_version: Literal[1] = 1


R = TypeVar("R", bound=Record)


def parse(record_type: type[R], value: bytes | None) -> R:
    """Parse the bytes of a topic.

    Raises:
        InvalidRecord: for anything that is not this record; the detail names the fields.
    """
    if value is None:
        raise InvalidRecord("invalid_record", "the message has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidRecord("invalid_record", f"{len(value)} bytes exceed {MAX_RECORD_BYTES}")
    try:
        record = record_type.model_validate_json(value)
        orjson.loads(value)  # stricter: no NaN, no 1e999. It reads the record out of the ledger
        return record
    except orjson.JSONDecodeError as error:
        raise InvalidRecord("invalid_record", f"not JSON: {error}") from error
    except ValidationError as error:
        raise InvalidRecord("invalid_record", "; ".join(faults(error))) from error
