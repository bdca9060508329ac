"""Records and messages on their way to a topic."""

from dataclasses import dataclass

from streams.contract.records import Record


@dataclass(frozen=True)
class Output:
    """A record and its topic. The Kafka key is the record's ``key``."""

    topic: str
    record: Record


@dataclass(frozen=True)
class Outgoing:
    """A message as it is sent to the broker."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
