"""Reading stored records, also those of an earlier release that this one refuses.

Bounds grow: a number such as ``1e999`` was taken once, and its row stays. One such row breaks no
list: the number reads as the nearest one that is allowed, or as null.
"""

import json
import math
from typing import Any, Final, TypeVar

import orjson
import structlog

from streams.contract.records import MAX_WHOLE, InvalidRecord, Record, parse

log = structlog.get_logger()

R = TypeVar("R", bound=Record)
MAX_DIGITS: Final = 19  # of a number that JSON readers take


def fields_of(record: str) -> dict[str, Any]:
    """Return the fields of a stored record as JSON has them."""
    try:
        fields: dict[str, Any] = orjson.loads(record)
    except orjson.JSONDecodeError:
        return _mended(record)
    return fields


def read(kind: type[R], record: str) -> R | None:
    """Return a stored record; None, and a line in the log, where this release cannot read it."""
    try:
        return parse(kind, record.encode())
    except InvalidRecord as error:
        try:
            return parse(kind, orjson.dumps(_mended(record)))
        except (InvalidRecord, ValueError):
            log.warning("stored_record_unreadable", kind=kind.__name__, fault=error.detail)
            return None


def _mended(record: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(
        record, parse_int=_whole, parse_float=_finite, parse_constant=lambda _: None
    )
    return fields


def _whole(digits: str) -> int:
    most = -MAX_WHOLE if digits.startswith("-") else MAX_WHOLE
    number = most if len(digits) > MAX_DIGITS else int(digits)
    return most if abs(number) > MAX_WHOLE else number


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
