r"""A patch of kafka-python 3.0.12 and aiokafka 0.14: header keys that are not UTF-8.

Kafka stores any bytes as the key of a header. Both clients decode it while they read a batch, so
one such message stops its partition for every reader. With this patch each byte that is not UTF-8
reads as ``\xff``, and the message is handled as all others are.

aiokafka then reads batches in Python, since its extension cannot be patched; sums are checked in C.
"""

from typing import Any

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

_read = DefaultRecordBatch._read_msg


class _Buffer(bytearray):
    """A batch whose parts decode, whatever they contain."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Buffer(part) if isinstance(place, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def _patched(read: Any, decode_varint: Any) -> Any:
    """Read a message as before, and once more where a key does not decode."""

    def _read_msg(batch: Any) -> Any:
        try:
            return read(batch)
        except UnicodeDecodeError:  # the batch still stands before this message
            batch._buffer = _Buffer(batch._buffer)
            return read(batch, decode_varint)

    return _read_msg


def install() -> None:
    """Patch kafka-python for every consumer of this process."""
    DefaultRecordBatch._read_msg = _patched(_read, decode_varint)


def install_aiokafka() -> None:
    """Patch aiokafka, on which Faust stands."""
    import aiokafka.consumer.fetcher
    from aiokafka.record import default_records, memory_records
    from aiokafka.record.util import decode_varint_py

    batches = default_records._DefaultRecordBatchPy
    reading = {"_read_msg": _patched(batches._read_msg, decode_varint_py)}
    memory_records.DefaultRecordBatch = type("Batch", (batches,), reading)
    aiokafka.consumer.fetcher.MemoryRecords = memory_records._MemoryRecordsPy
