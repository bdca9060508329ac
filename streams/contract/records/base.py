"""The base of all records: frozen, with ids, parsing and the types of their fields."""

import hashlib
from typing import Annotated, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from detector.errors import BadInput

MAX_RECORD_BYTES = 900_000  # below Kafka's default limit of 1 MB for a message


class InvalidRecord(BadInput):
    """Bytes on a topic that are not the record which the topic promises."""


def stable_id(prefix: str, *parts: str) -> str:
    """Return a deterministic id: ``prefix`` and 96 bits of SHA-256 over the parts.

    Redelivery and replay therefore produce the same id, and consumers are idempotent by it.
    """
    digest = hashlib.sha256(orjson.dumps(parts)).hexdigest()
    return f"{prefix}_{digest[:24]}"


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True)]
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
        return record_type.model_validate_json(value)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'record'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:5]
        )
        raise InvalidRecord("invalid_record", faults) from error
