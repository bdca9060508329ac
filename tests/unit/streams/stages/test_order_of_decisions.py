"""One order of decisions per track: the catalogue ends with the ledger's current decision.

In every territory, whatever people and registries change, and the ledger sees it so.

A track is delivered once or several times, the same or another upload, before and after a
verdict, a revocation and an appeal. Each consumer reads its topics in order and at its own
pace; every message may come twice. The clocks of the machines differ.
"""

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import (
    Cause,
    DecisionApplied,
    Declaration,
    Extent,
    Record,
    Tool,
    TrackClassified,
    TrackDecided,
)
from streams.contract.records.policy import TrackReopened
from streams.contract.records.reviews import AppealOutcome
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.reexamination import LedgerBehind, Reexamination
from streams.stages.ledger import project
from streams.stages.redecide import Redecide
from streams.store import monitoring, reopening
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.track_facts import TrackFacts
from tests.support.catalogue import CatalogueFixture
from tests.support.events import UPLOADED_AT, agreement, appeal, classified, message, verdict

SONGMAKER = Declaration(contains_ai="All", tools=(Tool(name="Songmaker", agreement_id="AGR-1"),))
NO_AI = AppealOutcome(extent=Extent.NONE, reasons="The stems are played by hand.")
T0 = 1_795_000_000_000
REDECIDED = (
    topics.DECIDED,
    topics.REVIEWS_DECIDED,
    topics.APPEALS_CHANGED,
    topics.RIGHTS_CHANGED,
    topics.REOPENED,
)
FACTS: dict[str, tuple[str, Record]] = {
    "agreement": (topics.RIGHTS_CHANGED, agreement()),
    "narrowing": (topics.RIGHTS_CHANGED, agreement(2, territories=("DE", "NO"))),
    "revocation": (topics.RIGHTS_CHANGED, agreement(3, permission="revoked")),
    "verdict": (topics.REVIEWS_DECIDED, verdict()),
    "relief": (topics.APPEALS_CHANGED, appeal(interim_relief=True)),
    "overturned": (topics.APPEALS_CHANGED, appeal(sequence=1, state="overturned", outcome=NO_AI)),
}
STEPS = ("delivery", "redelivery", "other", *FACTS)


def delivery(step: str, minutes: int) -> TrackClassified:
    """The same upload for ``delivery`` and ``redelivery``; ``other`` is another upload of it."""
    at = UPLOADED_AT + timedelta(minutes=minutes)
    title = "other" if step == "other" else "first"
    return classified(uploaded_at=at, title=title, declared=SONGMAKER)


class Installation:
    """Decide, ledger, redecide and catalogue over one log; each reads at its own pace."""

    def __init__(self, ledger: Ledger, catalogue: CatalogueFixture, seed: int) -> None:
        self.ledger, self.catalogue, self.pace = ledger, catalogue, random.Random(seed)
        self.policies = Policies(Settings().policy, ledger)
        reexamination = Reexamination(ledger, self.policies, self._passed)
        self.redecide = Redecide(ledger, reexamination, 1e6)
        self.log: list[Message] = []
        self.ties = self.pace.choice((1, 1, 2, 5))  # messages of one millisecond
        self.offsets = itertools.count()
        self.skews = random.Random(seed)  # of the clocks of machines, in milliseconds
        self.read = {"decide": 0, "ledger": 0, "redecide": 0, "catalogue": 0}

    def publish(self, topic: str, record: Record) -> None:
        self._append(Output(topic, record), 0)

    def decided(self, output: Output) -> None:
        """Publish from one of several machines."""
        self._append(output, self.skews.choice((0, 0, 0, -1, 1, -9, 9)))

    def _append(self, output: Output, skew_ms: int) -> None:
        offset = next(self.offsets)
        at_ms = T0 + offset // self.ties + skew_ms
        sent_ms = output.timestamp_ms(at_ms) or at_ms
        self.log.append(message(output.topic, output.record, offset=offset, timestamp_ms=sent_ms))

    def step(self, consumer: str) -> None:
        """Let one consumer read a few messages; sometimes it reads some of them again."""
        start = self.read[consumer]
        if self.pace.random() < 0.2:
            start = max(0, start - self.pace.randrange(4))  # killed before it committed
        end = min(len(self.log), start + self.pace.randrange(1, 4))
        batch = self.log[start:end]
        try:
            getattr(self, f"_{consumer}")(batch)
        except LedgerBehind:
            return  # it comes again, as a batch does after a retry
        self.read[consumer] = max(self.read[consumer], end)

    def settle(self) -> None:
        for _ in range(2_000):
            waiting = [name for name, at in self.read.items() if at < len(self.log)]
            if not waiting:
                return
            self.step(self.pace.choice(waiting))
        raise AssertionError("it never settles")

    def _decide(self, batch: Sequence[Message]) -> None:
        for each in batch:
            if each.topic == topics.CLASSIFIED:
                event = TrackClassified.model_validate_json(each.value or b"")
                bundle = self.policies.current()
                facts = TrackFacts(self.ledger).facts(event, event.uploaded_at, bundle.name)
                for output in decide(event, bundle, facts).outputs():
                    self.decided(output)

    def _passed(self) -> dict[tuple[str, int], int]:
        return {(topics.DECIDED, 0): self.read["ledger"]}  # one row of offsets for all topics

    def _ledger(self, batch: Sequence[Message]) -> None:
        project(self.ledger, batch)

    def _redecide(self, batch: Sequence[Message]) -> None:
        read = [each for each in batch if each.topic in REDECIDED]
        handled = self.redecide.handle(read)
        assert handled.refused == [], "an honest decision is late at most"
        for _, output in list(handled.outputs):
            self.decided(output)

    def _catalogue(self, batch: Sequence[Message]) -> None:
        decided = [each for each in batch if each.topic == topics.DECIDED]
        for each, result in zip(decided, self.catalogue.apply(decided), strict=True):
            decision = TrackDecided.model_validate_json(each.value or b"")
            ids = decision.model_dump(include={"decision_id", "upload_id", "track_id"})
            answer = DecisionApplied.model_validate(ids | {"result": result})
            self.publish(topics.DECISIONS_APPLIED, answer)

    def stands(self) -> TrackDecided:
        return reopening.current_decisions(self.ledger, ["T-1"])["T-1"].decided

    def applied(self) -> tuple[str, dict[str, str]]:
        """Return decision and action in every place, as the catalogue has them."""
        ((decision_id, display),) = self.catalogue.rows("decision_id, display")
        territories = self.catalogue.rows("territory, display", "catalogue_territories")
        return decision_id, {"": display} | dict(territories)

    def not_in_effect(self) -> list[str]:
        with self.ledger.reading() as connection:
            query = monitoring.not_in_effect(datetime.now(UTC) + timedelta(days=9_999))
            return [row.why for row in connection.execute(query)]


def actions_of(decided: TrackDecided) -> dict[str, str]:
    scoped = {name: one.actions.display for one in decided.territorial for name in one.territories}
    return {"": decided.actions.display} | scoped


def play(migrated: Path, folder: Path, steps: Sequence[str], seed: int) -> Installation:
    """Play a story; return the installation when everybody has read everything."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    (folder / "ledger.db").write_bytes(migrated.read_bytes())
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db")
    catalogue = CatalogueFixture(f"sqlite:///{folder}/catalogue.db")
    installation = Installation(ledger, catalogue, seed)
    for minutes, step in enumerate(("delivery", *steps)):
        if step in FACTS:
            installation.publish(*FACTS[step])
        else:
            early = installation.pace.choice((0, 0, 2, 7))  # clocks of deliverers differ
            installation.publish(topics.CLASSIFIED, delivery(step, minutes - early))
        for _ in range(installation.pace.randrange(12)):
            installation.step(installation.pace.choice(list(installation.read)))
    installation.settle()
    return installation


def check(installation: Installation) -> None:
    applied, standing = installation.applied(), installation.stands()
    assert installation.not_in_effect() == []
    asked = TrackReopened(track_id="T-1", cause=Cause(kind="rights", id="registry"))
    again = [message(topics.REOPENED, asked, offset=next(installation.offsets))]
    assert list(installation.redecide.handle(again).outputs) == []  # every fact has been used
    installation.ledger.close()
    installation.catalogue.close()
    assert applied == (standing.decision_id, actions_of(standing))


def test_the_catalogue_has_what_holds_in_each_territory(migrated: Path, tmp_path: Path) -> None:
    steps = ("other", "agreement", "narrowing", "redelivery")
    installation = play(migrated, tmp_path / "story", steps, seed=1)
    _, actions = installation.applied()
    assert actions.keys() == {"", "DE", "NO"}
    check(installation)


def test_a_track_that_was_delivered_twice_gets_its_later_decisions(
    migrated: Path, tmp_path: Path
) -> None:
    steps = ("agreement", "redelivery", "revocation")
    installation = play(migrated, tmp_path / "story", steps, seed=1)
    assert not installation.stands().label.licensed  # the revocation counts
    check(installation)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(steps=["delivery", "narrowing", "overturned", "delivery", "delivery"], seed=1115)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=6), seed=st.integers(0, 2**16))
def test_what_the_catalogue_applies_is_what_stands(
    migrated: Path, tmp_path: Path, steps: Sequence[str], seed: int
) -> None:
    check(play(migrated, tmp_path / "story", steps, seed))
