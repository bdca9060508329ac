"""Passing over one record that stops a process: its bytes become a dead letter ``skipped``.

The last resort, where neither the process nor a new release can handle the record. The dead letter
can be replayed as any other. The audit log has an entry for each consumer group that is moved.
"""

import time
from contextlib import suppress
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError

from detector.errors import BadInput, SingleReason
from streams.contract import dead_letters, processes, topics
from streams.contract.dead_letters import Message
from streams.runtime.kafka.clients import open_producer, open_reader, poll
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.offsets import Move, position, rewind
from streams.runtime.settings import Settings
from streams.services.dead_letters import Operator
from streams.store import audit
from streams.store.database import Ledger

POLL_MS: Final = 500


class CannotSkip(SingleReason, reason="cannot_skip"):
    """There is no such record, or no process stands before it."""


def stopped_at(admin: Any, settings: Settings, place: str, process: str | None) -> list[str]:
    """Return the processes whose next record is that at ``TOPIC/PARTITION/OFFSET``.

    Raises:
        CannotSkip: there are none; of each, the detail names the offset at which it stands.
        CannotRewind: a process runs.
    """
    partition, offset = _parsed(place)
    readers = [name for name, read in processes.GROUPS.items() if partition.topic in read]
    if process is not None:
        readers = [name for name in readers if name == process]
    stands = {name: position(admin, _group(settings, name), *partition) for name in readers}
    stopped = [name for name, next_offset in stands.items() if next_offset == offset]
    if not stopped:
        places = ", ".join(
            f"{name} stands at {next_offset}" for name, next_offset in stands.items()
        )
        raise CannotSkip(f"no process stands at {place}: {places or 'none reads that topic'}")
    return stopped


def skip(
    ledger: Ledger, admin: Any, settings: Settings, place: str, stopped: list[str], by: Operator
) -> None:
    """Store the record as a dead letter of each process, then move the groups past it.

    Raises:
        CannotSkip, CannotRewind: nothing is moved.
        BrokerAway, BrokerFailed, LedgerAway: some are not moved; skip it again.
    """
    partition, offset = _parsed(place)
    message = _read(settings, partition, offset)
    for name in stopped:
        if partition.topic not in topics.DEAD:  # else it is a dead letter already
            _bury(settings, message, name, by)
        entry = audit.Entry(
            by.user_id or by.name, "record_skipped", place, {"process": name, "why": by.why}
        )
        after = message.offset + 1
        move = Move(partition.topic, partition.partition, offset, after, after)
        with audit.transaction(ledger, entry):
            rewind(admin, _group(settings, name), [move])


def _parsed(place: str) -> tuple[TopicPartition, int]:
    topic, *numbers = place.split("/")
    if topic not in topics.ALL or len(numbers) != 2 or not all(map(str.isdecimal, numbers)):
        raise CannotSkip(f"{place!r} is no TOPIC/PARTITION/OFFSET of Earmark's topics")
    return TopicPartition(topic, int(numbers[0])), int(numbers[1])


def _group(settings: Settings, process: str) -> str:
    return f"{settings.group_prefix}.{process}"


def _read(settings: Settings, partition: TopicPartition, offset: int) -> Message:
    """Return the record; of records that no client can read, what stands for them."""
    reader = open_reader(settings, max_partition_fetch_bytes=dead_letters.MAX_DEAD_LETTER_BYTES)
    try:
        reader.assign([partition])
        reader.seek(partition, offset)
        deadline = time.monotonic() + settings.request_timeout_s
        while time.monotonic() < deadline:
            for message in poll(reader, POLL_MS, 1):
                if message.offset != offset and message.unread is None:
                    raise CannotSkip(
                        f"the topic has no record {offset}, its next is {message.offset}"
                    )
                return message
    finally:
        reader.close()
    raise CannotSkip(f"{partition.topic}/{partition.partition} has no record {offset}")


def _bury(settings: Settings, message: Message, process: str, by: Operator) -> None:
    error = BadInput("skipped", f"{by.name}: {by.why}")
    producer = open_producer(settings, "skip")
    try:
        for letter in (dead_letters.exact_letter, dead_letters.bare_letter):
            sent = letter(message, process, error)
            headers = list(sent.headers)
            with suppress(MessageSizeTooLargeError):
                future = producer.send(sent.topic, key=sent.key, value=sent.value, headers=headers)
                future.get(timeout=2 * settings.request_timeout_s)
                return
    except KafkaError as refused:
        raise BrokerAway(f"no acknowledgement: {refused!r}") from refused
    finally:
        producer.close(timeout=settings.request_timeout_s)
    raise CannotSkip("the broker refuses the dead letter")
