"""The ledger, redecide and the reference catalogue, one batch at a time."""

import itertools
from collections.abc import Sequence

import sqlalchemy

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    Declaration,
    Record,
    Tool,
    TrackClassified,
    TrackDecided,
)
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.reexamination import Reexamination
from streams.stages.ledger import project
from streams.stages.redecide import Redecide
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.tables import DECISIONS
from streams.store.track_facts import TrackFacts
from tests.support.catalogue import CatalogueFixture
from tests.support.events import message

SONGMAKER = Declaration(contains_ai="All", tools=(Tool(name="Songmaker", agreement_id="AGR-1"),))


T0 = 1_795_000_000_000


class Pipeline:
    """Ledger, redecide and catalogue, one batch at a time; a clock of the broker's times."""

    def __init__(self, ledger: Ledger, catalogue: CatalogueFixture) -> None:
        self.ledger, self.catalogue = ledger, catalogue
        self.policies = Policies(Settings().policy, ledger)
        self.passed: dict[tuple[str, int], int] = {}  # up to where the ledger has read
        reexamination = Reexamination(ledger, self.policies, lambda: self.passed)
        self.redecide = Redecide(ledger, reexamination, 1e6)
        self.published: list[Message] = []
        self.offsets = itertools.count()

    def message(self, topic: str, record: Record) -> Message:
        at = next(self.offsets)
        return message(topic, record, offset=at, timestamp_ms=T0 + 10 * at)

    def deliver(self, event: TrackClassified) -> TrackDecided:
        """A track is analysed and decided, as ``decide`` would."""
        bundle = self.policies.current()
        self.settle([self.message(topics.CLASSIFIED, event)])
        facts = TrackFacts(self.ledger).facts(event, event.uploaded_at, bundle.name)
        records = decide(event, bundle, facts)
        self.settle([self.message(out.topic, out.record) for out in records.outputs()])
        return self.latest(event.track_id)

    def settle(self, messages: Sequence[Message]) -> list[Record]:
        """Let everybody read, and read what follows, until nothing does."""
        answer: list[Record] = []
        while messages:
            self.published += messages
            reopened = [output for _, output in project(self.ledger, messages).outputs]
            self.catalogue.apply([one for one in messages if one.topic == topics.DECIDED])
            own = [one for one in messages if one.topic in SOURCES]
            outputs = [output for _, output in self.redecide.handle(own).outputs] + reopened
            answer += [output.record for output in outputs]
            messages = [self.message(output.topic, output.record) for output in outputs]
            assert len(answer) < 200, "it never settles"
        return answer

    def read(self, topic: str, record: Record) -> list[TrackDecided]:
        """Handle one event; return the decisions that follow."""
        published = self.settle([self.message(topic, record)])
        return [one for one in published if isinstance(one, TrackDecided)]

    def latest(self, track_id: str = "T-1") -> TrackDecided:
        return reopening.current_decisions(self.ledger, [track_id])[track_id].decided

    def applied(self, track_id: str = "T-1") -> str:
        standing: dict[str, str] = dict(self.catalogue.rows("track_id, decision_id"))
        return standing[track_id]

    def decisions(self) -> int:
        with self.ledger.reading() as connection:
            asked = sqlalchemy.select(sqlalchemy.func.count()).select_from(DECISIONS)
            return connection.scalars(asked).one()


SOURCES = (
    topics.DECIDED,
    topics.REVIEWS_DECIDED,
    topics.APPEALS_CHANGED,
    topics.RIGHTS_CHANGED,
    topics.REOPENED,
)
