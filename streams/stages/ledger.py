"""The ledger's processor: every topic, projected into rows.

A batch goes into one transaction, and its offsets are committed after that; a batch that
comes again adds nothing. A track that was scored again is reopened once its new analysis is
stored, so ``redecide`` finds it. Of one that was erased since the request nothing is stored.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial

from streams.contract import processes, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import Cause
from streams.contract.records.policy import TrackReopened
from streams.runtime import metrics
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.settings import Settings
from streams.store import rescores, statement_deliveries, task_states, webhooks
from streams.store.database import Ledger, Row
from streams.store.projections import rows_of
from streams.store.tables import ANALYSES

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
    with ledger.transaction() as connection:
        erased = rescores.erased(connection, [row for _, projected in good for row in projected])
        good = [(message, projected) for message, projected in good
                if erased.isdisjoint(map(rescores.rescored_upload, projected))]  # fmt: skip
        rows = [row for _, projected in good for row in projected]
        new = ledger.add(connection, rows)
        task_states.follow(connection, rows)
        webhooks.enqueue(connection, [message for message, _ in good])
        statement_deliveries.enqueue(connection, rows, datetime.now(UTC))
    for table, count in new.items():
        metrics.LEDGER_ROWS.labels(table).inc(count)
    return Handled(refused, tuple(_reopened(good)))


def _reopened(
    stored: Sequence[tuple[Message, Sequence[Row]]],
) -> Iterator[tuple[Message, Output]]:
    """Yield a request for each track whose stored observation was scored again."""
    for message, rows in stored:
        for values in (row.values for row in rows if row.table is ANALYSES):
            if values["replaces"]:
                cause = Cause(kind="model", id=values["analysis_id"])
                upload = {name: values[name] for name in ("track_id", "upload_id")}
                reopened = TrackReopened(**upload, cause=cause, force=True)
                yield message, Output(topics.REOPENED, reopened)
