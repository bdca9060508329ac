"""Records and messages on their way to a topic."""

from dataclasses import dataclass

from streams.contract.records import Record


@dataclass(frozen=True)
class Output:
    """A record and its topic. The Kafka key is the record's ``key``.

    Its Kafka timestamp is later than ``after_ms``, even where this machine's clock is behind.
    """

    topic: str
    record: Record
    after_ms: int | None = None

    def timestamp_ms(self, now_ms: int) -> int | None:
        """Return the timestamp to send; None: the client's clock gives it."""
        return None if self.after_ms is None else max(now_ms, self.after_ms + 1)


@dataclass(frozen=True)
class Outgoing:
    """A message as it is sent to the broker."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None  # None: the client's clock gives it
