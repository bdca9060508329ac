"""tracks.decided, verdicts, appeals, rights, tracks.reopened -> a decision that supersedes.

A track is examined again (``streams.services.reexamination``) when a fact about it changes. The
stored facts are compared, so messages may arrive late, twice or out of order. The stage needs no
state: it stores the facts that it reads before it examines, and a decision counts as read once
the ledger has it and its analysis. Either the fact is stored when the decision is read, or the
decision is found when the fact is read. A decision that the ledger has read past and not stored
is a dead letter, since it would be awaited for ever. An id is derived from the superseded
decision's, so two workers make the same decision.

A registry entry may be about very many tracks. They are named on ``tracks.reopened`` and examined
from there, throttled (``EARMARK_REDECIDE_PER_S``), visible as lag.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final

import structlog

from streams.contract import processes, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import Cause, Record, TrackDecided
from streams.contract.records.policy import TrackReopened
from streams.contract.records.rights import RightsChanged
from streams.policy.registry import keys_of_entry
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.kafka.progress import Progress
from streams.runtime.settings import Settings
from streams.services.reexamination import Reexamination, due_scan, request_of
from streams.stages.bank_replication import BankReplication, open_replication
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.projections import rows_of

log = structlog.get_logger()

NAME: Final = processes.REDECIDE.name
LEDGER_TIMEOUT_S: Final = 10.0  # for the ledger's worker to store the decisions of a batch


def run_redecide(settings: Settings) -> int:
    """Run the process; return its exit code."""
    return consume(NAME, processes.REDECIDE.reads, settings, _open)


@contextmanager
def _open(settings: Settings) -> Iterator[Handler]:
    with (
        closing(Ledger.of(settings)) as ledger,
        open_replication(settings) as bank,
        due_scan(settings, ledger, f"{NAME}-clock"),
    ):
        progress = Progress(settings, processes.LEDGER.name, (topics.DECIDED, topics.CLASSIFIED))
        policies = Policies(settings.policy, ledger)
        reexamination = Reexamination(ledger, policies, progress.passed)
        stage = Redecide(ledger, reexamination, settings.redecide_per_s, LEDGER_TIMEOUT_S, bank)
        yield blocking(NAME, stage.handle)


@dataclass(frozen=True)
class Redecide:
    """The stage, with the resources that it takes."""

    ledger: Ledger
    reexamination: Reexamination
    per_s: float
    ledger_timeout_s: float = 0.0
    bank: BankReplication | None = None

    def handle(self, batch: Sequence[Message]) -> Handled:
        """Handle a batch of messages of any of the sources."""
        begun = time.monotonic()
        records, refused = read_each(
            batch,
            lambda message: message.record(topics.RECORDS[message.topic]),
        )
        facts = [message for message, record in records
                 if not isinstance(record, TrackReopened | TrackDecided)]  # fmt: skip
        self.ledger.write([row for message in facts for row in rows_of(message)])
        decided = [(message, record) for message, record in records
                   if isinstance(record, TrackDecided)]  # fmt: skip
        refused += self.reexamination.await_ledger(decided, self.ledger_timeout_s)
        dead = {one.message.origin for one in refused}
        records = self.reexamination.news(
            [(message, record) for message, record in records if message.origin not in dead]
        )
        if self.bank is not None:
            self.bank.add([record for _, record in records if isinstance(record, TrackDecided)])
        requests = [request for message, record in records
                    if (request := request_of(message, record)) is not None]  # fmt: skip
        superseding = list(self.reexamination.superseding(requests))
        reopened = sum(isinstance(record, TrackReopened) for _, record in records)
        time.sleep(max(0.0, reopened / self.per_s - (time.monotonic() - begun)))
        return Handled(refused, chain(superseding, self._reopened(records)))

    def _reopened(
        self, records: Sequence[tuple[Message, Record]]
    ) -> Iterator[tuple[Message, Output]]:
        """Yield every track that a changed entry of the rights registry may be about."""
        for message, entry in records:
            if not isinstance(entry, RightsChanged):
                continue
            cause = Cause(kind="rights", id=entry.entry_id, version=entry.version)
            tracks = 0
            for track_id in reopening.tracks_about(self.ledger, keys_of_entry(entry)):
                tracks += 1
                reopened = TrackReopened(track_id=track_id, cause=cause)
                yield message, Output(topics.REOPENED, reopened)
            log.info("tracks_reopened", entry=entry.entry_id, tracks=tracks)
