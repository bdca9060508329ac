"""What all records share: parsing, ids, names."""

import pytest

from detector.errors import BadInput
from streams.contract.records import (
    MAX_RECORD_BYTES,
    InvalidRecord,
    ModelRef,
    UploadReceived,
    parse,
    stable_id,
)


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
        (b'{"upload_id": NaN}', "not JSON"),
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
