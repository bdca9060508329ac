"""Deciding again: a verdict, an appeal, an agreement, a policy or a date has changed something.

The facts about a track are its stored analysis, what people said, the rights registry and the
policy. ``examine`` puts together the latest of each, decides, and compares: does the decision
that stands rest on the same facts (``facts_digest``)? If so, nothing is said. If not, a new
decision is, which names the one it supersedes; that one stays where it is. So whatever happens
to messages, late, twice, out of order, the same question is asked of the same stored facts, and
asking once more does no harm. This processor is level-triggered, as they say of controllers.

What makes it complete, with nothing kept in memory:

- Of what it is told it first writes the rows into the ledger itself (the same rows under the
  same ids as the ledger's own worker writes), then looks around. It waits for nobody to have
  projected a verdict.
- It also reads ``tracks.decided``. A decision that was made while a fact was on its way is
  seen here after the fact is in the ledger, or else the fact is seen after the decision is, and
  its track is found by the search: a decision counts as seen only once the ledger has it and
  its analysis. There is no third order.
- The id of a superseding decision holds the id of the superseded one, so that facts which
  come and go and come again make three decisions; and two workers that supersede the same
  decision on the same facts say the same thing under the same id.
- What begins or ends by date (an agreement, an override, a pinned verdict, a hold) is written
  into the decision (``reconsider_at``); a thread asks for those that are due.

Since it sees every decision once the ledger has it, it also fills the catalogue bank, where one is
set (``streams.stages.bank_replication``).

An entry of the registry may be about very many tracks. They are named on ``tracks.reopened``, one
small message each, and examined from there: in batches, by as many workers as there are
partitions, throttled (``EARMARK_REDECIDE_PER_S``), and visible as lag.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import orjson
import structlog

from detector.errors import EarmarkError, Transient
from streams.contract import processes, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import Cause, Record, TrackDecided, parse
from streams.contract.records.policy import TrackReopened
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords, decide
from streams.policy.facts import Said
from streams.policy.registry import keys_of_entry
from streams.runtime import metrics
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.clients import open_producer
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.settings import Settings
from streams.stages.bank_replication import Remembering, remembering
from streams.stages.decide import count
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.projections import rows_of
from streams.store.reopening import CurrentDecision
from streams.store.track_facts import Standing

log = structlog.get_logger()

NAME: Final = processes.REDECIDE.name
DUE_S: Final = 15.0  # between two looks for decisions that are due
REMEMBERED: Final = 50_000  # decisions of our own
LEDGER_PATIENCE_S: Final = 10.0  # for the ledger's worker to have what we have seen


class LedgerBehind(Transient):
    """The ledger does not have a decision yet that lies on the topic."""


@dataclass(frozen=True)
class Wanted:
    """A track to examine, and why; ``told`` is the last decision about it in the batch."""

    track_id: str
    message: Message
    cause: Cause | None = None
    force: bool = False
    told: Message | None = None

    def after(self, earlier: "Wanted") -> "Wanted":
        """Join two of one track: one cause is enough, and the last decision counts."""
        return Wanted(
            self.track_id,
            self.message if self.cause or not earlier.cause else earlier.message,
            self.cause or earlier.cause,
            self.force or earlier.force,
            self.told or earlier.told,
        )


def run_redecide(settings: Settings) -> int:
    """Run the process; return its exit code."""
    return consume(NAME, processes.REDECIDE.reads, settings, _open)


@contextmanager
def _open(settings: Settings) -> Iterator[Handler]:
    ledger = Ledger.open(settings.ledger)
    stop = threading.Event()
    clock = threading.Thread(target=_call_due, args=(settings, ledger, stop), daemon=True)
    try:
        with remembering(settings) as catalogue:
            redecide = Redecide(
                ledger,
                Policies(settings.policy, ledger),
                settings.redecide_per_s,
                LEDGER_PATIENCE_S,
                catalogue,
            )
            clock.start()
            yield blocking(NAME, redecide.handle)
    finally:
        stop.set()
        ledger.close()


class Redecide:
    """Examines tracks that something was said about."""

    def __init__(
        self,
        ledger: Ledger,
        policies: Policies,
        per_s: float,
        patience_s: float = 0.0,
        catalogue: Remembering | None = None,
    ) -> None:
        self._ledger, self._policies = ledger, policies
        self._catalogue = catalogue
        self._standing = Standing(ledger)
        self._per_s, self._patience_s = per_s, patience_s
        self._mine: OrderedDict[str, tuple[tuple[int, int], int]] = OrderedDict()

    def handle(self, batch: Sequence[Message]) -> Handled:
        """Handle a batch of messages of any of the sources."""
        begun = time.monotonic()
        good, refused = read_each(self._news(batch), _read)
        facts = [message for message, record in good if not isinstance(record, TrackReopened)
                 and not isinstance(record, TrackDecided)]  # fmt: skip
        self._ledger.write([row for message in facts for row in rows_of(message)])
        wanted = [one for message, record in good for one in _wanted(message, record)]
        decided = [record for _, record in good if isinstance(record, TrackDecided)]
        self._await_ledger(decided)
        if self._catalogue is not None:
            self._catalogue.remember(decided)
        answers = self._answers(wanted)
        rights = [(message, record) for message, record in good
                  if isinstance(record, RightsChanged)]  # fmt: skip
        slow = sum(isinstance(record, TrackReopened) for _, record in good)
        time.sleep(max(0.0, slow / self._per_s - (time.monotonic() - begun)))
        return Handled(refused, chain(answers, self._reopened(rights)))

    def _news(self, batch: Sequence[Message]) -> list[Message]:
        """Leave out decisions of our own that rest on facts of which there are no newer ones.

        After a big change nearly all are; this saves examining every track twice. How many
        verdicts and appeals there are tells whether people have said more, since rows only grow.
        """
        told = {id(one): found for one in batch if one.topic == topics.DECIDED
                and (found := _ids(one)) is not None and found[0] in self._mine}  # fmt: skip
        if not told:
            return list(batch)
        self._standing.registry("", fresh=True)
        version = self._standing.version
        said = self._standing.said([track for _, track in told.values()])

        def known(one: Message) -> bool:
            found = told.get(id(one))
            if found is None:
                return False
            people = said.get(found[1], Said())
            spoken = len(people.verdicts) + len(people.appeals)
            return self._mine[found[0]] == (version, spoken)

        return [one for one in batch if not known(one)]

    def _remember(self, decision_id: str, version: tuple[int, int], people: Said) -> None:
        self._mine[decision_id] = (version, len(people.verdicts) + len(people.appeals))
        while len(self._mine) > REMEMBERED:
            self._mine.popitem(last=False)

    def _await_ledger(self, decided: Sequence[TrackDecided]) -> None:
        """Wait until the ledger has these decisions, and the analyses they are about.

        Raises:
            LedgerBehind: it does not catch up; the batch comes again.
        """
        deadline = time.monotonic() + self._patience_s
        missing = reopening.missing(self._ledger, decided)
        while missing and time.monotonic() < deadline:
            time.sleep(0.1)
            missing = reopening.missing(self._ledger, decided)
        if missing:
            raise LedgerBehind(f"{len(missing)} decisions, among them {sorted(missing)[0]}")

    def _answers(self, wanted: Sequence[Wanted]) -> list[tuple[Message, Output]]:
        """Return what must be said anew; reads the registry after all that is to be compared."""
        by_track: dict[str, Wanted] = {}
        for one in wanted:
            known = by_track.get(one.track_id)
            by_track[one.track_id] = one if known is None else one.after(known)
        stands = reopening.current_decisions(self._ledger, list(by_track))
        if not stands:
            return []
        bundle = self._policies.current()
        self._standing.registry(bundle.name, fresh=True)
        said = self._standing.said(list(stands))
        answers: list[tuple[Message, Output]] = []
        for track_id, standstill in stands.items():
            one = by_track[track_id]
            new = self._examine(standstill, one, bundle, said.get(track_id, Said()))
            cause = one.cause.kind if one.cause else "decision"
            metrics.REDECIDED.labels(cause, "unchanged" if new is None else "superseded").inc()
            if new is not None:
                count(new)
                answers += [(one.message, output) for output in new.outputs()]
        return answers

    def _examine(
        self, standstill: CurrentDecision, one: Wanted, bundle: Bundle, said: Said
    ) -> DecisionRecords | None:
        event, before = standstill.event, standstill.decided
        if one.told is not None:
            told = parse(TrackDecided, one.told.value)
            later = one.told.timestamp_ms < standstill.recorded_at.timestamp() * 1_000
            if told.decision_id != before.decision_id and not later:
                before = told  # of one moment: the catalogue has what came last
            elif told.decision_id != before.decision_id and one.cause is None:
                return None  # a later decision stands, and is examined by itself
        now = datetime.now(UTC)
        facts = self._standing.combined(event, now, bundle.name, said)
        version = self._standing.version  # of the registry that these facts are of
        due = before.reconsider_at is not None and before.reconsider_at <= now
        again = due and one.cause is not None and one.cause.kind == "expiry"
        cause = one.cause or Cause(kind="rights", id="registry")
        new = decide(event, bundle, facts, previous=before, cause=cause)
        newer_analysis = event.analysis.analysis_id != before.analysis.analysis_id
        differs = one.force and (before.policy.digest != bundle.digest or newer_analysis)
        if new.decided.facts_digest == before.facts_digest and not (again or differs):
            return None
        self._remember(new.decided.decision_id, version, said)
        return new

    def _reopened(
        self, rights: Iterable[tuple[Message, RightsChanged]]
    ) -> Iterator[tuple[Message, Output]]:
        """Name every track that a changed entry may be about."""
        for message, changed in rights:
            cause = Cause(kind="rights", id=changed.entry_id, version=changed.version)
            found = 0
            for track_id in reopening.tracks_about(self._ledger, keys_of_entry(changed)):
                found += 1
                reopened = TrackReopened(track_id=track_id, cause=cause)
                yield message, Output(topics.REOPENED, reopened)
            log.info("tracks_reopened", entry=changed.entry_id, tracks=found)


def _read(message: Message) -> Record:
    return parse(topics.RECORDS[message.topic], message.value)


def _ids(message: Message) -> tuple[str, str] | None:
    """Return decision and track of a message that may be a decision, at little cost."""
    try:
        said = orjson.loads(message.value or b"")
        return said["decision_id"], said["track_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _wanted(message: Message, record: Record) -> list[Wanted]:
    match record:
        case TrackDecided():
            return [Wanted(record.track_id, message, told=message)]
        case ReviewDecided():
            return [Wanted(record.track_id, message, Cause(kind="verdict", id=record.verdict_id))]
        case AppealChanged():
            cause = Cause(kind="appeal", id=record.appeal_id, version=record.sequence)
            return [Wanted(record.track_id, message, cause)]
        case TrackReopened():
            return [Wanted(record.track_id, message, record.cause, record.force)]
        case _:
            return []


def _call_due(settings: Settings, ledger: Ledger, stop: threading.Event) -> None:
    """Ask now and then for tracks of which a fact has begun or ended."""
    producer = None
    while not stop.wait(DUE_S):
        try:
            due = reopening.due(ledger, datetime.now(UTC))
            if not due:
                continue
            producer = producer or open_producer(settings, f"{NAME}-clock")
            sent = []
            for decision_id, track_id in due:
                cause = Cause(kind="expiry", id=decision_id)
                record = TrackReopened(track_id=track_id, cause=cause)
                sent.append(
                    producer.send(topics.REOPENED, key=record.key.encode(), value=record.to_bytes())
                )
            for future in sent:
                future.get(timeout=settings.request_timeout_s)
            log.info("decisions_due", tracks=len(due))
        except EarmarkError as error:
            log.warning("due_scan_failed", error=str(error))
        except Exception as error:  # noqa: BLE001 - the broker is away: asked again soon
            log.warning("due_scan_failed", error=repr(error))
            if producer is not None:
                with suppress(Exception):
                    producer.close(timeout=1)
                producer = None
