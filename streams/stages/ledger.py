"""The ledger's processor: every topic, projected into rows.

A batch goes into one transaction, and its offsets are committed after that; a batch that
comes again adds nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from streams.contract import processes
from streams.contract.dead_letters import Message
from streams.runtime import metrics
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.settings import Settings
from streams.store import task_states, webhooks
from streams.store.database import Ledger
from streams.store.projections import rows_of

NAME = processes.LEDGER.name


def run_ledger(settings: Settings) -> int:
    """Run the ledger's process; return its exit code."""
    return consume(NAME, processes.LEDGER.reads, settings, _open)


@contextmanager
def _open(settings: Settings) -> Iterator[Handler]:
    with closing(Ledger.of(settings)) as ledger:
        yield blocking(NAME, partial(project, ledger))


def project(ledger: Ledger, batch: Sequence[Message]) -> Handled:
    """Write the rows of a batch in one transaction.

    Raises:
        LedgerAway: nothing was written; later it may be.
        Unstorable: nothing was written, because of one of these messages.
    """
    good, refused = read_each(batch, rows_of)
    rows = [row for _, projected in good for row in projected]
    with ledger.transaction() as connection:
        new = ledger.add(connection, rows)
        task_states.follow(connection, rows)
        webhooks.enqueue(connection, [message for message, _ in good])
    for table, count in new.items():
        metrics.LEDGER_ROWS.labels(table).inc(count)
    return Handled(refused)
