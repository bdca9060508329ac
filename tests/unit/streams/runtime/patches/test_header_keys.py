"""Messages whose header keys are not UTF-8 are read as all others, by both clients."""

from typing import Any

import aiokafka.consumer.fetcher
import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from streams.runtime.patches import header_keys


class RawKey(str):
    """A header key of any bytes, as other clients send it."""

    def encode(self, *_: Any) -> bytes:
        return b"\xfftrace"


def kafka_python(data: bytes) -> Any:
    header_keys.install()
    return MemoryRecords(data)


def of_aiokafka(data: bytes) -> Any:
    header_keys.install_aiokafka()
    return aiokafka.consumer.fetcher.MemoryRecords(data)


@pytest.mark.parametrize("read", [kafka_python, of_aiokafka])
@pytest.mark.parametrize("codec", [0, 1])
def test_a_header_key_that_is_no_utf8_is_escaped(read: Any, codec: int) -> None:
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1_000_000)
    for offset, key in enumerate(("é", RawKey(), "trace")):
        builder.append(offset, 1_000, b"k", b"v\xff", [(key, b"\xff"), ("none", None)])
    batch = read(bytes(builder.build())).next_batch()
    assert batch.validate_crc()
    messages = list(batch)
    assert [message.offset for message in messages] == [0, 1, 2]
    assert {(message.key, message.value) for message in messages} == {(b"k", b"v\xff")}
    expected = [[(key, b"\xff"), ("none", None)] for key in ("é", r"\xfftrace", "trace")]
    assert [list(message.headers) for message in messages] == expected
