"""Both clients read any batch to its end: what they cannot read is one record with the reason."""

import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import aiokafka.consumer.fetcher
import cramjam
import pytest
from aiokafka.codec import snappy_encode
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES, UNREAD
from streams.runtime.patches import record_batches

Read = Callable[[bytes], Any]
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
PACK: dict[int, Callable[[bytes], bytes]] = {
    GZIP: lambda data: bytes(cramjam.gzip.compress(data)),
    SNAPPY: snappy_encode,
    LZ4: lambda data: bytes(cramjam.lz4.compress(data)),
    ZSTD: lambda data: bytes(cramjam.zstd.compress(data)),
}


class RawKey(str):
    """A header key of any bytes, as other clients send it."""

    def encode(self, *_: Any) -> bytes:
        return b"\xfftrace"


def kafka_python(data: bytes) -> Any:
    record_batches.install()
    return MemoryRecords(data)


def of_aiokafka(data: bytes) -> Any:
    record_batches.install_aiokafka()
    return aiokafka.consumer.fetcher.MemoryRecords(data)


readers = pytest.mark.parametrize("read", [kafka_python, of_aiokafka])


def built(*values: bytes | None, headers: Any = ()) -> bytes:
    """Return a batch of records, the first of offset 0."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 100_000_000)
    for offset, value in enumerate(values):
        builder.append(offset, 1_000, b"k", value, list(headers))
    return bytes(builder.build())


def packed(batch: bytes, codec: int, pack: Callable[[bytes], bytes] | None = None) -> bytes:
    """Return a batch whose records are packed."""
    start = DefaultRecordBatch.HEADER_STRUCT.size
    return edited(batch, attributes=codec, records=(pack or PACK[codec])(batch[start:]))


def edited(batch: bytes, *, records: bytes | None = None, **fields: int) -> bytes:
    """Return a batch with other fields of its head, and a sum that fits them."""
    head = DefaultRecordBatch.HEADER_STRUCT
    names = ("base", "length", "epoch", "magic", "crc", "attributes", "last_offset_delta")
    values = list(head.unpack_from(batch))
    rest = batch[head.size :] if records is None else records
    for name, value in fields.items():
        values[names.index(name)] = value
    values[1] = head.size + len(rest) - DefaultRecordBatch.AFTER_LEN_OFFSET
    whole = head.pack(*values) + rest
    values[4] = fields.get("crc", calc_crc32c(whole[DefaultRecordBatch.ATTRIBUTES_OFFSET :]))
    return bytes(head.pack(*values) + rest)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "its checksum is wrong": lambda batch: edited(batch, crc=7),
    "broken, of gzip": lambda batch: packed(batch, GZIP, lambda data: b"broken"),
    "broken, of lz4": lambda batch: packed(batch, LZ4, lambda data: PACK[LZ4](data)[:-9]),
    "broken, of zstd": lambda batch: packed(batch, ZSTD, lambda data: PACK[LZ4](data)),
    "snappy: corrupt input": lambda batch: packed(batch, SNAPPY, lambda data: b"\xff" * 9),
    "broken, or over 16777216 bytes": lambda batch: packed(
        batch, GZIP, lambda data: PACK[GZIP](data + b"\0" * 40_000_000)
    ),
}
"""What no client can read and the embedded broker stores, by how its fault begins."""
NO_CODEC = {"there is no codec 5": lambda batch: edited(batch, attributes=5)}


def ended(read: Read, batch: bytes) -> list[tuple[int, bytes | None, str | None]]:
    """Return offset, value and fault of each record that a batch reads as."""
    readable = read(batch).next_batch()
    assert readable.validate_crc()
    records = list(readable)
    faults = [dict(record.headers).get(UNREAD) for record in records]
    return [
        (record.offset, record.value, fault and fault.decode())
        for record, fault in zip(records, faults, strict=True)
    ]


@readers
@pytest.mark.parametrize("codec", [0, GZIP])
def test_a_header_key_that_is_no_utf8_is_escaped(read: Read, codec: int) -> None:
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


@readers
@pytest.mark.parametrize("codec", PACK)
def test_every_codec_is_read(read: Read, codec: int) -> None:
    values = [bytes([number]) * 200_000 for number in range(3)]
    whole = [(offset, value, None) for offset, value in enumerate(values)]
    assert ended(read, packed(built(*values), codec)) == whole


@readers
def test_snappy_is_read_without_a_frame_too(read: Read) -> None:
    batch = packed(
        built(b"one", b"two"), SNAPPY, lambda data: bytes(cramjam.snappy.compress_raw(data))
    )
    assert ended(read, batch) == [(0, b"one", None), (1, b"two", None)]


@readers
@pytest.mark.parametrize(("fault", "spoil"), [*SPOILT.items(), *NO_CODEC.items()])
def test_a_batch_that_cannot_be_read_ends_as_one_record(
    read: Read, fault: str, spoil: Callable[[bytes], bytes]
) -> None:
    ((offset, value, why),) = ended(read, spoil(built(b"a", b"b", b"c")))
    assert (offset, value) == (2, None)
    assert why is not None
    assert why.startswith(f"offsets 0 to 2: {fault.partition(',')[0]}")


@readers
def test_what_stands_before_a_fault_is_read(read: Read) -> None:
    whole = built(b"a", b"b", b"c")
    cut = edited(whole, records=whole[DefaultRecordBatch.HEADER_STRUCT.size : -4])
    first, second, (offset, value, why) = ended(read, cut)
    assert (first, second) == ((0, b"a", None), (1, b"b", None))
    assert (offset, value) == (2, None)
    assert why is not None
    assert why.startswith("offsets 2 to 2: ")


@readers
def test_offsets_stay_within_their_batch(read: Read) -> None:
    batch = edited(built(b"a", b"b", b"c"), last_offset_delta=1)
    assert [offset for offset, _, _ in ended(read, batch)] == [0, 1]
    backwards = edited(built(b"a"), base=5, last_offset_delta=-4)
    assert read(backwards).next_batch().next_offset == 6


@readers
@pytest.mark.parametrize("codec", PACK)
def test_a_batch_is_unpacked_up_to_a_limit(read: Read, codec: int) -> None:
    bomb = packed(built(b"\0" * 40_000_000), codec)
    tracemalloc.start()
    ((_, value, why),) = ended(read, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value is None
    assert why is not None
    assert "over 16777216 bytes" in why
    assert peak < 2 * record_batches.MAX_UNPACKED_BYTES + 3 * len(bomb)


@readers
def test_a_record_has_a_limit_of_its_own(read: Read) -> None:
    values = (b"a", b"\0" * MAX_DEAD_LETTER_BYTES, b"c")
    first, (offset, value, why) = ended(read, packed(built(*values), GZIP))
    assert first == (0, b"a", None)
    assert (offset, value) == (2, None)
    assert why is not None
    assert why.startswith("offsets 1 to 2: a record of 2097")
    ((_, _, why),) = ended(read, packed(built(b"a", headers=[("", b"")] * 1_001), GZIP))
    assert why == "offsets 0 to 0: 1001 headers, over 1000"


@readers
@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [0, GZIP])
def test_a_batch_in_an_old_format_ends_as_one_record(read: Read, magic: int, codec: int) -> None:
    """Whatever is in it: a bomb, a wrong sum, a batch within a batch."""
    builder = LegacyRecordBatchBuilder(magic, codec, 1_000_000)
    for offset in range(3):
        builder.append(offset, 1_000, b"k", b"\0" * 10_000)
    old = bytearray(builder.build())
    if codec:  # the broker gives the last offset to the whole
        struct.pack_into(">q", old, 0, 7)
    old[20] ^= 0xFF
    records = read(bytes(old) + edited(built(b"next"), base=8))
    batch = records.next_batch()
    assert batch.validate_crc()
    (record,) = batch
    last = 7 if codec else 0
    assert (record.offset, record.value, batch.next_offset) == (last, None, last + 1)
    assert dict(record.headers)[UNREAD].decode().endswith(f"a batch in the old format {magic}")
    if codec:
        assert (after := records.next_batch()).validate_crc()
        assert [record.value for record in after] == [b"next"]
