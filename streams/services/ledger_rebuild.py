"""The ledger out of the topics: everything that the broker still has, projected again.

The topics are read up to their ends at the start, outside of any group; rows that exist stay. An
export contains what no topic has: accounts, the audit log, the actions on dead letters.

``decide`` and ``redecide`` must be stopped, for an export as well. Until all is there, they would
decide without verdicts and agreements, and supersede a decision that is not the last one of its
track.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import Final

import structlog
from kafka.errors import KafkaError

from detector.errors import SingleReason
from streams.contract import processes, topics
from streams.contract.dead_letters import Message
from streams.runtime.kafka.clients import open_reader, poll
from streams.runtime.kafka.errors import BrokerAway, BrokerFailed
from streams.runtime.kafka.handler import read_each
from streams.runtime.kafka.offsets import CannotRewind, log_ends, position
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.processes import listens
from streams.runtime.settings import Settings
from streams.store import export, task_states
from streams.store.database import Ledger
from streams.store.projections import rows_of

log = structlog.get_logger()

BATCH: Final = 500
QUIET_POLLS: Final = 20  # of half a second: a partition whose end never comes was trimmed


class CannotRebuild(SingleReason, reason="cannot_rebuild"):
    """A process that decides by the ledger runs."""


def rebuild(ledger: Ledger, settings: Settings) -> tuple[Counter[str], int]:
    """Project all topics; return how many rows are new by table, and how many were refused.

    Raises:
        CannotRebuild: ``decide`` or ``redecide`` runs; nothing was written.
        BrokerAway: it does not answer; what was written stays, and it can be run again.
    """
    _refuse_while_deciding(settings)
    new: Counter[str] = Counter()
    refused = 0
    for batch in _batches(settings):
        good, bad = read_each(batch, rows_of)
        rows = [row for _, projected in good for row in projected]
        with ledger.transaction() as connection:
            new += ledger.add(connection, rows)
            task_states.follow(connection, rows)
        refused += len(bad)
    return new, refused


def restore(ledger: Ledger, settings: Settings, lines: Iterable[bytes]) -> Counter[str]:
    """Add the rows of an export that the ledger lacks; return how many by table.

    Where no broker listens, nothing decides.

    Raises:
        CannotRebuild: ``decide`` or ``redecide`` runs; nothing was written.
        BadExport: see ``streams.store.export``.
    """
    if any(map(listens, settings.brokers.split(","))):
        _refuse_while_deciding(settings)
    return export.restore(ledger, lines)


def _refuse_while_deciding(settings: Settings) -> None:
    with open_admin(settings) as admin:
        for process in (processes.DECIDE, processes.REDECIDE):
            group = f"{settings.group_prefix}.{process.name}"
            try:
                with suppress(BrokerFailed):  # it knows no such group yet, or no such topic
                    position(admin, group, process.reads[0], 0)
            except CannotRewind as error:
                raise CannotRebuild(
                    f"{process.name} runs ({settings.brokers}) and would decide by half a ledger: "
                    "stop decide and redecide"
                ) from error


def _batches(settings: Settings) -> Iterator[list[Message]]:
    try:
        with closing(open_reader(settings)) as reader, open_admin(settings) as admin:
            there = set(admin.list_topics())
            ends = log_ends(admin, [topic for topic in topics.ALL if topic in there])
            reader.assign(list(ends))
            reader.seek_to_beginning(*ends)
            quiet = 0
            while quiet < QUIET_POLLS:
                batch = poll(reader, 500, BATCH)
                quiet = 0 if batch else quiet + 1
                if batch:
                    yield batch
                if all(reader.position(partition) >= end for partition, end in ends.items()):
                    return
    except KafkaError as error:
        raise BrokerAway(f"the topics cannot be read: {error!r}") from error
    log.warning("rebuild_ended_early", reason="some ends were not reached")
