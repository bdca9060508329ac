"""One record on its way to a topic."""

from dataclasses import dataclass

from streams.contract.records import Record


@dataclass(frozen=True)
class Output:
    """A record and its topic. The Kafka key is the record's ``key``."""

    topic: str
    record: Record
