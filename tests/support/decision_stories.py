"""Stories of one track each, without policy and broker: thousands take seconds.

Deliveries and facts are published in a given order. Decide, ledger, redecide and catalogue read
the log at their own pace, and parts of it twice; the clocks of machines differ. What decide and
redecide do is stated here in a few lines; the order of decisions is the product's own.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from streams.contract import topics
from streams.contract.output import Output
from streams.contract.records import stable_id
from streams.store.decision_order import place_of
from tests.support.events import UPLOADED_AT, reopened

EPOCH: Final = datetime(2026, 11, 24, tzinfo=UTC)
READERS: Final = ("decide", "ledger", "redecide", "catalogue")
SKEWS_MS: Final = (0, 0, 0, -1, 1, -9, 9)  # of the clocks of machines

# Deliveries: the last one is the first upload once more.
UPLOADS: Final = {"first": "first", "other": "other", "first again": "first"}
# Facts: what each is about, and its version.
FACTS: Final = {
    "agreement": ("rights", 1),
    "revocation": ("rights", 2),
    "verdict": ("verdict", 1),
    "appeal": ("appeal", 1),
    "answered appeal": ("appeal", 2),
}
STEPS: Final = (*UPLOADS, "agreement", "revocation", "verdict", "answered appeal")

Facts = Mapping[str, int]


@dataclass(frozen=True)
class Published:
    """A delivery, a fact or a decision, as it lies in the log."""

    step: str = ""
    uploaded_at: datetime = UPLOADED_AT
    decision: "Decision | None" = None


@dataclass(frozen=True)
class Decision:
    """A decision with what the order needs, and what it rests on."""

    track_id: str
    upload: str
    facts: tuple[tuple[str, int], ...]
    previous: str
    uploaded_at: datetime
    recorded_at: datetime

    @cached_property
    def decision_id(self) -> str:
        """A hash of what it rests on: the same, delivered again, has the same id."""
        return stable_id("dec", self.track_id, self.upload, repr(self.facts), self.previous)

    @property
    def rests_on(self) -> tuple[str, datetime, Facts]:
        """Its delivery and its facts."""
        return self.upload, self.uploaded_at, dict(self.facts)


class Story:
    """One track from the first delivery until everybody has read everything."""

    def __init__(self, track_id: str, steps: Sequence[str], seed: int) -> None:
        self.track_id, self.pace = track_id, random.Random(seed)
        self.log: list[Published] = []
        self.ledger: list[Decision] = []  # in the order in which the ledger reads them
        self.catalogue: list[Decision] = []
        self._read = dict.fromkeys(READERS, 0)
        self._known: dict[str, Decision] = {}  # to the ledger
        self._facts: dict[str, int] = {}  # in the ledger, where redecide stores them as well
        hours = self.pace.sample(range(99), len(UPLOADS))  # clocks of deliverers differ
        self._times = {
            step: UPLOADED_AT + timedelta(hours=at) for step, at in zip(UPLOADS, hours, strict=True)
        }
        self._ties = self.pace.choice((1, 2, 5, 50))  # messages of one millisecond
        self._play(list(steps))

    def truth(self) -> tuple[str, datetime, Facts]:
        """Return what must stand: the newest delivery, and the last version of every fact."""
        steps = {one.step for one in self.log}
        last = max(steps & UPLOADS.keys(), key=lambda step: self._times[step])
        facts = dict(sorted(FACTS[step] for step in steps & FACTS.keys()))  # the last version
        return UPLOADS[last], self._times[last], facts

    def _play(self, steps: list[str]) -> None:
        while steps or min(self._read.values()) < len(self.log):
            if steps and self.pace.random() < 0.2:
                step = steps.pop(0)
                self.log.append(Published(step, self._times.get(step, UPLOADED_AT)))
            self._turn(self.pace.choice(READERS))
            assert len(self.log) < 200, "it never settles"

    def _turn(self, reader: str) -> None:
        """Let one reader read a few messages; sometimes it reads some of them again."""
        start = self._read[reader]
        end = min(len(self.log), start + self.pace.randrange(1, 4))
        if self.pace.random() < 0.2:
            start = max(0, start - self.pace.randrange(4))  # killed before it committed
        for at in range(start, end):
            published = self.log[at]
            if reader == "redecide" and published.decision and at >= self._read["ledger"]:
                break  # it waits for the ledger
            getattr(self, f"_{reader}")(published)
            self._read[reader] = max(self._read[reader], at + 1)

    def _decide(self, published: Published) -> None:
        if published.step in UPLOADS:
            self._publish(UPLOADS[published.step], published.uploaded_at, None)

    def _ledger(self, published: Published) -> None:
        self._note(published)
        if (new := published.decision) is not None:
            self.ledger.append(new)
            known = self._known.get(new.decision_id, new)
            self._known[new.decision_id] = max(known, new, key=place_of)

    def _redecide(self, published: Published) -> None:
        self._note(published)
        current = max(self._known.values(), key=place_of, default=None)
        if current is None or published.step in UPLOADS:
            return
        if published.decision is not None and published.decision.decision_id != current.decision_id:
            return  # a later one is examined by itself
        if dict(current.facts) != self._facts:
            self._publish(current.upload, current.uploaded_at, current)

    def _catalogue(self, published: Published) -> None:
        if published.decision is not None:
            self.catalogue.append(published.decision)

    def _note(self, published: Published) -> None:
        if published.step in FACTS:
            about, version = FACTS[published.step]
            self._facts[about] = max(version, self._facts.get(about, 0))

    def _publish(self, upload: str, uploaded_at: datetime, previous: Decision | None) -> None:
        now_ms = 1_000 + len(self.log) // self._ties + self.pace.choice(SKEWS_MS)
        after_ms = None if previous is None else _ms(previous.recorded_at)
        sent_ms = Output(topics.DECIDED, reopened(), after_ms).timestamp_ms(now_ms) or now_ms
        decision = Decision(
            self.track_id,
            upload,
            tuple(sorted(self._facts.items())),
            "" if previous is None else previous.decision_id,
            uploaded_at,
            EPOCH + timedelta(milliseconds=sent_ms),
        )
        self.log.append(Published(decision=decision))


def _ms(at: datetime) -> int:
    return round((at - EPOCH) / timedelta(milliseconds=1))
