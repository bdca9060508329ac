r"""A patch of kafka-python 3.0.12 and aiokafka 0.14: what they cannot read stops no partition.

A batch that a client cannot read stops its partition for every reader: the client fails at the same
offset for ever. With this patch such a batch ends with one record without content instead, at
the batch's last offset. Its header ``UNREAD`` contains the reason: a wrong checksum, an unknown
codec, broken bytes, more than ``MAX_UNPACKED_BYTES``. What stands before the fault is read.

Both clients unpack a whole batch at once, without a limit. Here ``cramjam`` unpacks it, and no
further than the limit. So no batch costs a process more memory than it has.

Batches in the formats of before Kafka 0.11 are not read at all: brokers since 3.0 store none, and
the clients' readers of them have each of these faults once more.

Kafka stores any bytes as the key of a header. Each byte that is not UTF-8 reads as ``\xff``.

aiokafka then reads batches in Python: its extension cannot be patched, and reads beyond the end of
a batch that is cut short, which crashes the process. Sums are checked in C.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import cramjam
from kafka.record import memory_records as of_kafka_python
from kafka.record.default_records import (
    DefaultRecord,
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
)
from kafka.record.util import decode_varint

from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES, UNREAD

MAX_UNPACKED_BYTES: Final = 16 * 2**20  # of one batch; producers gather at most a few MB
MAX_HEADERS: Final = 1_000  # of one record: two bytes each, and a hundred in memory
XERIAL: Final = b"\x82SNAPPY\0"  # Java's framing of snappy; 16 bytes with its versions
CODECS: Final = {1: cramjam.gzip, 3: cramjam.lz4, 4: cramjam.zstd}
SNAPPY: Final = 2


class Unreadable(Exception):
    """The rest of a batch cannot be read."""


class _Buffer(bytearray):
    """A batch whose parts decode, whatever they contain."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Buffer(part) if isinstance(place, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def unpacked(codec: int, packed: memoryview, most: int = MAX_UNPACKED_BYTES) -> bytearray:
    """Return the records of a batch.

    Raises:
        Unreadable: an unknown codec, broken bytes, or more than ``most`` bytes.
    """
    if codec == SNAPPY:
        return _unpacked_snappy(packed, most)
    if codec not in CODECS:
        raise Unreadable(f"there is no codec {codec}")
    for room in (min(most, 16 * len(packed)), most):  # the most is seldom needed
        records = bytearray(room)
        try:
            del records[CODECS[codec].decompress_into(packed, records) :]
            return records
        except cramjam.DecompressionError as error:
            failure = error
    raise Unreadable(f"broken, or over {most} bytes: {failure}")


def _unpacked_snappy(packed: memoryview, most: int) -> bytearray:
    blocks = [packed]
    if packed[: len(XERIAL)].tobytes() == XERIAL:
        blocks, place = [], 16
        while place < len(packed):
            (length,) = struct.unpack_from(">I", packed, place)
            blocks.append(packed[place + 4 : place + 4 + length])
            place += 4 + length
    records = bytearray()
    for block in blocks:
        if len(records) + cramjam.snappy.decompress_raw_len(block) > most:
            raise Unreadable(f"over {most} bytes")
        records += cramjam.snappy.decompress_raw(block)
    return records


def _patched(base: Any, decode_varint: Any, record_of: Callable[[int, int, int, Any], Any]) -> Any:
    """Return a client's class of batches, as this module describes it."""

    class Batch(base):
        """A batch that always reads to its end."""

        _fault: str | None = None
        _reached = -1  # offset of the record read last
        _ended = False
        _buffer: Any
        _pos: int
        _decompressed: bool

        @property
        def next_offset(self) -> int:
            return int(max(super().next_offset, self.base_offset + 1))

        @property
        def _last(self) -> int:
            return self.next_offset - 1

        def validate_crc(self) -> bool:
            if not super().validate_crc():
                self._fault = "its checksum is wrong"
            return True

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            if self._ended:
                raise StopIteration
            try:
                if self._fault is not None:
                    raise Unreadable(self._fault)
                self._maybe_uncompress()
                record = super().__next__()
                if not self._reached < record.offset <= self._last:
                    raise Unreadable(f"offset {record.offset} after {self._reached}")
                self._reached = record.offset
                return record
            except StopIteration:
                self._ended = True
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the partition goes on
                self._ended = True
                return self._rest(error)

        def _rest(self, error: Exception) -> Any:
            """Return what stands for all that is not read."""
            if self._reached >= self._last:
                raise StopIteration
            first = max(self.base_offset, self._reached + 1)
            why = f"offsets {first} to {self._last}: {error}"
            headers = [(UNREAD, why.encode(errors="replace"))]
            return record_of(self._last, self.max_timestamp, self.timestamp_type, headers)

        def _maybe_uncompress(self) -> None:
            if not self._decompressed and self.compression_type:
                packed = memoryview(self._buffer)[self._pos :]
                self._buffer = unpacked(self.compression_type, packed)
                self._pos = 0
            self._decompressed = True

        def _read_msg(self) -> Any:
            length, _ = decode_varint(self._buffer, self._pos)
            if length > MAX_DEAD_LETTER_BYTES:
                raise Unreadable(f"a record of {length} bytes, over {MAX_DEAD_LETTER_BYTES}")
            try:
                record = super()._read_msg(decode_varint)
            except UnicodeDecodeError:  # the batch still stands before this message
                self._buffer = _Buffer(self._buffer)
                record = super()._read_msg(decode_varint)
            if len(record.headers) > MAX_HEADERS:
                raise Unreadable(f"{len(record.headers)} headers, over {MAX_HEADERS}")
            return record

    return Batch


def _old_format(batch_of: Callable[[bytes], Any]) -> Callable[[Any, int], Any]:
    """Return what reads a batch in an old format: as a batch of one record without content."""

    def read(buffer: Any, magic: int) -> Any:
        (offset,) = struct.unpack_from(">q", buffer)  # of the last record
        headers = [(UNREAD, f"offset {offset}: a batch in the old format {magic}".encode())]
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, MAX_UNPACKED_BYTES)
        builder.append(0, 0, None, None, headers)
        batch = builder.build()
        struct.pack_into(">q", batch, 0, max(0, offset))  # outside of the checksum
        return batch_of(bytes(batch))

    return read


def install() -> None:
    """Patch kafka-python for every consumer of this process."""

    def record_of(offset: int, time_ms: int, time_type: int, headers: Any) -> Any:
        return DefaultRecord(0, offset, time_ms, time_type, None, None, headers)

    batches = _patched(DefaultRecordBatch, decode_varint, record_of)
    of_kafka_python.DefaultRecordBatch = batches
    of_kafka_python.LegacyRecordBatch = _old_format(batches)


def install_aiokafka() -> None:
    """Patch aiokafka, on which Faust stands."""
    import aiokafka.consumer.fetcher
    from aiokafka.record import default_records, memory_records
    from aiokafka.record.util import decode_varint_py

    def record_of(offset: int, time_ms: int, time_type: int, headers: Any) -> Any:
        return default_records._DefaultRecordPy(offset, time_ms, time_type, None, None, headers)

    base = default_records._DefaultRecordBatchPy
    batches = _patched(base, decode_varint_py, record_of)
    memory_records.DefaultRecordBatch = batches
    memory_records._LegacyRecordBatchPy = memory_records.LegacyRecordBatch = _old_format(batches)
    aiokafka.consumer.fetcher.MemoryRecords = memory_records._MemoryRecordsPy
