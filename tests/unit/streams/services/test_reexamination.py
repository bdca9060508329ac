"""Examining tracks again: decisions wait for the ledger, and causes are joined."""

import pytest

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.dead_letters import Message, exact_letter
from streams.contract.records import Cause, Record
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.reexamination import LedgerBehind, Reexamination, Request, request_of
from streams.stages.ledger import project
from streams.stages.redecide import Redecide
from tests.support.events import agreement, appeal, classified, message, reopened, verdict
from tests.support.redeciding import SONGMAKER, Pipeline


def test_a_decision_counts_as_seen_once_the_ledger_has_it(pipeline: Pipeline) -> None:
    event = classified(declared=SONGMAKER)
    records = decide(event, pipeline.policies.current())
    delivered = pipeline.message(topics.DECIDED, records.decided)
    with pytest.raises(LedgerBehind):
        pipeline.redecide.handle([delivered])
    project(pipeline.ledger, [delivered])
    with pytest.raises(LedgerBehind):  # the decision is there, and its analysis is not
        pipeline.redecide.handle([delivered])
    project(pipeline.ledger, [pipeline.message(topics.CLASSIFIED, event)])
    assert list(pipeline.redecide.handle([delivered]).outputs) == []


def test_what_the_ledger_has_read_past_and_not_stored_is_a_dead_letter(pipeline: Pipeline) -> None:
    """A forged decision: its analysis never comes. Honest ones of the batch have their effect."""
    event = classified(declared=SONGMAKER)
    project(pipeline.ledger, [pipeline.message(topics.CLASSIFIED, event)])
    honest = pipeline.message(topics.DECIDED, decide(event, pipeline.policies.current()).decided)
    analysis = classified(track_id="T-2")
    forged = pipeline.message(topics.DECIDED, decide(analysis, pipeline.policies.current()).decided)
    project(pipeline.ledger, [honest, forged])
    fact = pipeline.message(topics.RIGHTS_CHANGED, agreement())
    pipeline.passed = {(topics.DECIDED, forged.partition): forged.offset}
    with pytest.raises(LedgerBehind):  # it has not read past this one yet
        pipeline.redecide.handle([honest, forged, fact])
    pipeline.passed = {(topics.DECIDED, forged.partition): forged.offset + 1}
    handled = pipeline.redecide.handle([honest, forged, fact])
    assert [(one.message, one.error.reason) for one in handled.refused] == [
        (forged, "not_in_ledger")
    ]
    decided = [output.record for _, output in handled.outputs if output.topic == topics.DECIDED]
    assert [record.key for record in decided] == [event.track_id]


def test_what_comes_while_the_offsets_are_compared_is_no_dead_letter(pipeline: Pipeline) -> None:
    event = classified(declared=SONGMAKER)
    delivered = pipeline.message(topics.DECIDED, decide(event, pipeline.policies.current()).decided)

    def passed() -> dict[tuple[str, int], int]:
        project(pipeline.ledger, [pipeline.message(topics.CLASSIFIED, event), delivered])
        return {(topics.DECIDED, delivered.partition): delivered.offset + 1}

    reexamination = Reexamination(pipeline.ledger, pipeline.policies, passed)
    redecide = Redecide(pipeline.ledger, reexamination, 1e6)
    assert redecide.handle([delivered]).refused == []


def test_a_decision_that_the_ledger_refused_is_not_awaited(pipeline: Pipeline) -> None:
    records = decide(classified(declared=SONGMAKER), pipeline.policies.current())
    delivered = pipeline.message(topics.DECIDED, records.decided)
    letter = exact_letter(delivered, "ledger", BadInput("unstorable", "a row too large"))
    dead = Message(letter.topic, 0, 0, letter.key, letter.value, letter.headers)
    project(pipeline.ledger, [dead])
    assert list(pipeline.redecide.handle([delivered]).outputs) == []


def test_each_kind_of_event_names_its_track_and_its_cause() -> None:
    def cause(topic: str, record: Record) -> Cause | None:
        request = request_of(message(topic, record), record)
        assert request is not None
        assert request.track_id == "T-1"
        return request.cause

    decided = decide(classified(), load(Settings().policy)).decided
    ruling, change = verdict(), appeal(sequence=2)
    assert cause(topics.DECIDED, decided) is None
    assert cause(topics.REVIEWS_DECIDED, ruling) == Cause(kind="verdict", id=ruling.verdict_id)
    assert cause(topics.APPEALS_CHANGED, change) == Cause(
        kind="appeal", id=change.appeal_id, version=2
    )
    assert cause(topics.REOPENED, reopened()) == reopened().cause
    entry = agreement()
    assert request_of(message(topics.RIGHTS_CHANGED, entry), entry) is None


def test_of_two_requests_one_cause_is_enough_and_each_decision_counts() -> None:
    first, second = (message(topics.DECIDED, verdict(), offset) for offset in range(2))
    asked = Request("T-1", first, reopened().cause, force=True)
    decided = Request("T-1", second, decided=frozenset({"dec_2"}))
    for joined in (decided.after(asked), asked.after(decided)):
        assert joined == Request(
            "T-1", first, reopened().cause, force=True, decided=decided.decided
        )
    newer = Request("T-1", first, decided=frozenset({"dec_1"}))
    assert newer.after(decided).decided == {"dec_1", "dec_2"}
