"""What all records share: parsing, ids, names."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from detector.errors import BadInput
from streams.contract.records import (
    MAX_RECORD_BYTES,
    InvalidRecord,
    ModelRef,
    Record,
    UploadReceived,
    parse,
    stable_id,
)
from tests.support.events import received


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "no value"),
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b'{"a": 1', "Invalid JSON"),
        (b"[]", "record: Input should be an object"),
        (b"{}", "upload_id: Field required; upload: Field required"),
        (b'{"schema_version": 2}', "schema_version: Input should be 1"),
        (b'{"upload_id": NaN}', "upload_id: Input should be a valid string"),
        (b'{"upload_id": "\\ud800"}', "Invalid JSON"),
        (b" " * (MAX_RECORD_BYTES + 1), "exceed"),
    ],
)
def test_what_is_no_record_says_so(value: bytes | None, sentence: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        parse(UploadReceived, value)
    assert isinstance(caught.value, BadInput)
    assert caught.value.reason == "invalid_record"
    assert sentence in caught.value.detail


def test_what_an_index_holds_has_a_limit() -> None:
    for name, version in (("m" * 257, "1"), ("m", "1" * 257), ("m\x00", "1")):
        with pytest.raises(ValueError, match="at most 256 characters, no control characters"):
            ModelRef(name=name, version=version, digest="d" * 64)


def test_ids_do_not_run_together() -> None:
    assert stable_id("x", "ab", "c") != stable_id("x", "a", "bc")
    assert stable_id("x", "a") != stable_id("y", "a")
    assert stable_id("x", "é") == stable_id("x", "é")
    assert len(stable_id("x")) == 2 + 24


def numbers() -> list[tuple[str, Any]]:
    """Return the fields of all records that contain numbers, with what they validate."""

    def within(kind: Any) -> Iterator[Any]:
        yield kind
        for part in get_args(kind):
            yield from within(part)

    records, fields = [Record], []
    while records:
        record = records.pop()
        records += record.__subclasses__()
        for name, info in record.model_fields.items():
            if any(part in (int, float) for part in within(info.annotation)):
                kind = Annotated[(info.annotation, "", *info.metadata)]  # type: ignore[name-defined] # at run time
                fields.append((f"{record.__name__}.{name}", TypeAdapter(kind)))
    return sorted(fields)


@pytest.mark.parametrize(("field", "kind"), [pytest.param(*one, id=one[0]) for one in numbers()])
def test_every_number_has_bounds(field: str, kind: Any) -> None:
    for text in ("9" * 4_000, "-" + "9" * 4_000, "1e999", "inf", "NaN"):
        with pytest.raises(ValidationError):
            kind.validate_json(f'"{text}"')
    if "number" not in str(kind.json_schema()):
        for whole in (2**63, -(2**63), 2**53):
            with pytest.raises(ValidationError):
                kind.validate_json(str(whole))


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400, b"NaN", b"Infinity"])
def test_what_is_stored_can_be_read_again(number: bytes) -> None:
    record = received("T").to_bytes()
    with pytest.raises(InvalidRecord, match="not JSON"):
        parse(UploadReceived, record[:-1] + b',"unknown":' + number + b"}")
