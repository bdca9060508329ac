"""Examining tracks again: does the current decision still rest on the latest facts?

The facts are the stored analysis, verdicts and appeals, the rights registry and the policy. The
latest of each make a new decision. Where its ``facts_digest`` differs from the current one's, it
supersedes that one. ``due_scan`` reopens tracks of which a fact begins or ends by date.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from detector.errors import BadInput, NotYet
from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import Cause, Record, TrackDecided
from streams.contract.records.policy import TrackReopened
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords, decide
from streams.policy.facts import Rulings
from streams.runtime import metrics
from streams.runtime.kafka.clients import send_all
from streams.runtime.kafka.handler import Refused
from streams.runtime.settings import Settings
from streams.services.decision_metrics import count_decision
from streams.store import reopening
from streams.store.clock import CheckedClock
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.projections import moment
from streams.store.reopening import CurrentDecision
from streams.store.tables import LONG_AGO
from streams.store.track_facts import TrackFacts

log = structlog.get_logger()

SCAN_S: Final = 15.0
REMEMBERED: Final = 50_000  # decisions of this process
LOOK_S: Final = 1.0  # of waiting; then the offsets are compared

Passed = Callable[[], Mapping[tuple[str, int], int]]


class LedgerBehind(NotYet):
    """The ledger has not read a decision yet that is on the topic."""


class NotInLedger(BadInput):
    """The ledger has read past a decision without storing it, or its analysis: forged, or lost."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            "not_in_ledger",
            f"the ledger has read everything before {decision_id} and lacks it or its analysis",
        )


@dataclass(frozen=True)
class Request:
    """A track to examine, and why; ``decided``: the decisions about it in the batch."""

    track_id: str
    message: Message
    cause: Cause | None = None
    force: bool = False
    decided: frozenset[str] = frozenset()

    def after(self, earlier: "Request") -> "Request":
        """Join two requests for one track: one cause is enough."""
        return Request(
            self.track_id,
            self.message if self.cause or not earlier.cause else earlier.message,
            self.cause or earlier.cause,
            self.force or earlier.force,
            self.decided | earlier.decided,
        )


def request_of(message: Message, record: Record) -> Request | None:
    """Return what a message requests; None for a record that is about no single track."""
    match record:
        case TrackDecided():
            return Request(record.track_id, message, decided=frozenset({record.decision_id}))
        case ReviewDecided():
            return Request(record.track_id, message, Cause(kind="verdict", id=record.verdict_id))
        case AppealChanged():
            cause = Cause(kind="appeal", id=record.appeal_id, version=record.sequence)
            return Request(record.track_id, message, cause)
        case TrackReopened():
            return Request(record.track_id, message, record.cause, record.force)
        case _:
            return None


class Reexamination:
    """Examines tracks; remembers its own decisions, so that it does not examine them again.

    ``passed`` returns up to where the ledger's process has read (``runtime.kafka.progress``).
    """

    def __init__(self, ledger: Ledger, policies: Policies, passed: Passed = dict) -> None:
        self._ledger, self._policies, self._passed = ledger, policies, passed
        self._track_facts, self._clock = TrackFacts(ledger), CheckedClock(ledger)
        self._own: OrderedDict[str, tuple[tuple[int, int], int]] = OrderedDict()

    def news(self, records: Sequence[tuple[Message, Record]]) -> list[tuple[Message, Record]]:
        """Leave out own decisions that rest on facts of which there are no newer ones.

        After a big change nearly all are; this saves examining every track twice. The number of
        verdicts and appeals shows whether there are new ones, since rows are only added.
        """
        own = {
            record.decision_id: record.track_id
            for _, record in records
            if isinstance(record, TrackDecided) and record.decision_id in self._own
        }
        if not own:
            return list(records)
        self._track_facts.registry("", fresh=True)
        version = self._track_facts.version
        people = self._track_facts.rulings(list(own.values()))
        known = {
            decision_id
            for decision_id, track_id in own.items()
            if self._own[decision_id] == (version, _statements(people.get(track_id, Rulings())))
        }
        return [
            (message, record)
            for message, record in records
            if not (isinstance(record, TrackDecided) and record.decision_id in known)
        ]

    def await_ledger(
        self, decided: Sequence[tuple[Message, TrackDecided]], timeout_s: float
    ) -> list[Refused]:
        """Wait until the ledger has these decisions and their analyses; return the others.

        A decision follows from its analysis, so both were on their topics when the decision came.
        Once the ledger has read all that was there, and still lacks one, it never comes.

        Raises:
            LedgerBehind: the ledger has not read so far yet.
        """
        deadline = time.monotonic() + timeout_s
        published = [(one, moment(message.timestamp_ms) or LONG_AGO) for message, one in decided]
        while self._missing(published, min(LOOK_S, timeout_s)):
            passed = self._passed()
            missing = self._missing(published, 0.0)  # it may have come before it was passed
            lacking = [(message, one) for message, one in decided if one.decision_id in missing]
            late = [
                one.decision_id
                for message, one in lacking
                if message.offset >= passed.get((message.topic, message.partition), 0)
            ]
            if not late:
                return [Refused(message, NotInLedger(one.decision_id)) for message, one in lacking]
            if time.monotonic() >= deadline:
                raise LedgerBehind(f"{len(late)} decisions, among them {late[0]}")
        return []

    def _missing(
        self, published: Sequence[tuple[TrackDecided, datetime]], timeout_s: float
    ) -> set[str]:
        """Return the decisions that the ledger still lacks after a time."""
        deadline = time.monotonic() + timeout_s
        while missing := reopening.missing(self._ledger, published):
            if time.monotonic() >= deadline:
                break
            time.sleep(0.1)
        return missing

    def superseding(self, requests: Sequence[Request]) -> Iterator[tuple[Message, Output]]:
        """Yield the records of new decisions, each with the message that requested it.

        Reads the registry after everything that it is compared with.
        """
        by_track: dict[str, Request] = {}
        for request in requests:
            earlier = by_track.get(request.track_id)
            by_track[request.track_id] = request if earlier is None else request.after(earlier)
        current = reopening.current_decisions(self._ledger, list(by_track))
        if not current:
            return
        bundle = self._policies.current()
        self._track_facts.registry(bundle.name, fresh=True)
        people = self._track_facts.rulings(list(current))
        for track_id, decision in current.items():
            request = by_track[track_id]
            records = self._examine(decision, request, bundle, people.get(track_id, Rulings()))
            cause = request.cause.kind if request.cause else "decision"
            result = "unchanged" if records is None else "superseded"
            metrics.REDECIDED.labels(cause, result).inc()
            if records is not None:
                count_decision(records)
                after_ms = round(decision.recorded_at.timestamp() * 1_000)
                for output in records.outputs():
                    yield request.message, replace(output, after_ms=after_ms)

    def _examine(
        self, current: CurrentDecision, request: Request, bundle: Bundle, people: Rulings
    ) -> DecisionRecords | None:
        event, before = current.event, current.decided
        if request.cause is None and before.decision_id not in request.decided:
            return None  # a later decision is current, and is examined by itself
        now = self._clock.now()
        facts = self._track_facts.facts(event, now, bundle.name, people)
        version = self._track_facts.version  # of the registry that these facts are of
        due = before.reconsider_at is not None and before.reconsider_at <= now
        again = due and request.cause is not None and request.cause.kind == "expiry"
        cause = request.cause or Cause(kind="rights", id="registry")
        records = decide(event, bundle, facts, previous=before, cause=cause)
        newer_analysis = event.analysis.analysis_id != before.analysis.analysis_id
        newer_policy = before.policy.digest != bundle.digest and cause.kind != "model"
        differs = request.force and (newer_policy or newer_analysis)
        if records.decided.facts_digest == before.facts_digest and not (again or differs):
            return None
        self._own[records.decided.decision_id] = (version, _statements(people))
        while len(self._own) > REMEMBERED:
            self._own.popitem(last=False)
        return records


def _statements(people: Rulings) -> int:
    """Return a number that differs after any verdict or change of an appeal that counts."""
    verdicts = (one.verdict_id for one in people.verdicts)
    return hash(frozenset((*verdicts, *(one.change_id for one in people.appeals))))


@contextmanager
def due_scan(settings: Settings, ledger: Ledger, client_id: str) -> Iterator[None]:
    """Scan the ledger in the background, every ``SCAN_S``."""
    stop = threading.Event()
    arguments = (settings, ledger, client_id, stop)
    threading.Thread(target=_scan, args=arguments, name="due-scan", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _scan(settings: Settings, ledger: Ledger, client_id: str, stop: threading.Event) -> None:
    clock = CheckedClock(ledger)
    while not stop.wait(SCAN_S):
        try:
            due = [
                TrackReopened(track_id=track_id, cause=Cause(kind="expiry", id=decision_id))
                for decision_id, track_id in reopening.due(ledger, clock.now())
            ]
            if due:
                send_all(settings, client_id, topics.REOPENED, due)
                log.info("decisions_due", tracks=len(due))
        except Exception as error:  # noqa: BLE001 - something is away or wrong: scanned again soon
            log.warning("due_scan_failed", error=repr(error))
