"""Deciding again, on both databases: whatever the order and repetition of events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    Cause,
    Declaration,
    Extent,
    TrackDecided,
    parse,
)
from streams.contract.records.policy import StatementWritten, TrackReopened
from streams.contract.records.reviews import AppealOutcome
from streams.policy.decide import decide
from streams.policy.evaluate import restricted
from streams.services.reexamination import LedgerBehind
from streams.stages.ledger import project
from streams.store import reopening
from streams.store.track_facts import TrackFacts
from tests.support.events import DECIDED_AT, agreement, appeal, classified, message, verdict
from tests.support.redeciding import SONGMAKER, SOURCES, T0, Pipeline


def test_what_has_not_changed_is_not_decided_again(pipeline: Pipeline) -> None:
    first = pipeline.deliver(classified())
    assert pipeline.read(topics.REOPENED, reopened()) == []
    assert pipeline.settle([pipeline.message(topics.DECIDED, first)]) == []
    assert pipeline.decisions() == 1


def test_a_re_decision_comes_after_what_it_supersedes_by_any_clock(pipeline: Pipeline) -> None:
    first = pipeline.deliver(classified(declared=SONGMAKER))
    (published,) = [one for one in pipeline.published if one.topic == topics.DECIDED]
    fact = pipeline.message(topics.RIGHTS_CHANGED, agreement())
    (asked,) = [output.record for _, output in pipeline.redecide.handle([fact]).outputs]
    again = [pipeline.message(topics.REOPENED, asked)]
    ((_, output),) = [
        each
        for each in pipeline.redecide.handle(again).outputs
        if isinstance(each[1].record, TrackDecided)
    ]
    assert isinstance(output.record, TrackDecided)
    assert output.record.previous_decision_id == first.decision_id
    slow = published.timestamp_ms - 120_000
    assert output.timestamp_ms(slow) == published.timestamp_ms + 1


def test_an_own_decision_that_the_ledger_lacks_is_awaited(pipeline: Pipeline) -> None:
    pipeline.deliver(classified(declared=SONGMAKER))
    fact = pipeline.message(topics.RIGHTS_CHANGED, agreement())
    (asked,) = [output.record for _, output in pipeline.redecide.handle([fact]).outputs]
    again = [pipeline.message(topics.REOPENED, asked)]
    own = [
        pipeline.message(output.topic, output.record)
        for _, output in pipeline.redecide.handle(again).outputs
        if output.topic == topics.DECIDED
    ]
    with pytest.raises(LedgerBehind):
        pipeline.redecide.handle(own)
    project(pipeline.ledger, own)
    assert list(pipeline.redecide.handle(own).outputs) == []


def test_an_agreement_comes_goes_and_comes_back(pipeline: Pipeline) -> None:
    first = pipeline.deliver(classified(declared=SONGMAKER))
    assert restricted(first.actions)
    (granted,) = pipeline.read(topics.RIGHTS_CHANGED, agreement())
    assert granted.label.licensed
    assert not restricted(granted.actions)
    assert granted.actions.display == "ai_badge"
    assert granted.previous_decision_id == first.decision_id
    assert granted.changed_dimensions == ("recommendation",)
    assert granted.cause == Cause(kind="rights", id=agreement().entry_id, version=1)
    assert [(one.agreement_id, one.version, one.status) for one in granted.rights] == [
        ("AGR-1", 1, "in_force")
    ]
    (revoked,) = pipeline.read(topics.RIGHTS_CHANGED, agreement(2, permission="revoked"))
    assert revoked.actions == first.actions
    assert (revoked.label.extent, revoked.label.licensed) == (Extent.ALL, False)
    (again,) = pipeline.read(topics.RIGHTS_CHANGED, agreement(3))
    assert again.actions == granted.actions
    assert len({one.decision_id for one in (first, granted, revoked, again)}) == 4
    assert pipeline.latest() == again
    assert pipeline.applied() == again.decision_id
    assert pipeline.decisions() == 4  # nothing that was decided is gone


def test_a_verdict_reverses_everything_in_one_decision(pipeline: Pipeline) -> None:
    first = pipeline.deliver(classified(declared=Declaration(contains_ai="All")))
    (decided,) = pipeline.read(
        topics.REVIEWS_DECIDED, verdict(outcome="reject_flag", extent=None, components=())
    )
    assert decided.label.source == "reviewer"
    assert decided.actions == first.actions.model_copy(
        update={"display": "none", "recommendation": "allow"}
    )
    assert decided.changed_dimensions == ("display", "recommendation")
    assert decided.verdict_id == verdict().verdict_id
    assert decided.terms == ()
    undo = verdict(
        verdict_id="vrd_undo",
        undoes=verdict().verdict_id,
        outcome="insufficient_evidence",
        extent=None,
        decided_at=DECIDED_AT + timedelta(hours=1),
    )
    (back,) = pipeline.read(topics.REVIEWS_DECIDED, undo)
    assert back.actions == first.actions


def test_an_appeal_is_heard_with_relief_and_decided(pipeline: Pipeline) -> None:
    pipeline.deliver(classified())
    (relief,) = pipeline.read(topics.APPEALS_CHANGED, appeal(interim_relief=True))
    assert (relief.actions.display, relief.actions.recommendation) == ("ai_badge", "allow")
    outcome = AppealOutcome(extent=Extent.NONE, reasons="The session files show it.")
    won = appeal(sequence=1, state="overturned", outcome=outcome)
    (decided,) = pipeline.read(topics.APPEALS_CHANGED, won)
    assert (decided.label.source, decided.actions.display) == ("appeal", "none")
    assert decided.appeal_id == won.appeal_id
    assert pipeline.read(topics.APPEALS_CHANGED, appeal(interim_relief=True)) == []  # it came late


def test_what_an_appeal_leaves_is_stated_anew(pipeline: Pipeline) -> None:
    """All dimensions in one decision; what still restricts gets a statement, what does not none."""
    first = pipeline.deliver(classified(declared=Declaration(contains_ai="All")))
    assert first.statement_id is not None
    outcome = AppealOutcome(extent=Extent.PARTLY, reasons="The vocals are hers.")
    partly = appeal(sequence=1, state="partially_overturned", outcome=outcome)
    published = pipeline.settle([pipeline.message(topics.APPEALS_CHANGED, partly)])
    (decided,) = [one for one in published if isinstance(one, TrackDecided)]
    (stated,) = [one for one in published if isinstance(one, StatementWritten)]
    assert decided.actions.display == "partly_ai_badge"
    assert decided.changed_dimensions == ("display", "recommendation")
    assert (decided.appeal_id, decided.statement_id) == (partly.appeal_id, stated.statement_id)
    assert (stated.decision_id, stated.replaces) == (decided.decision_id, first.statement_id)
    assert "outcome of an appeal" in stated.texts["en"]
    freed = appeal(
        appeal_id="apl_2",
        change_id="apc_2",
        sequence=1,
        state="overturned",
        outcome=AppealOutcome(extent=Extent.NONE, reasons="All of it is."),
        changed_at=DECIDED_AT + timedelta(days=9),
    )
    published = pipeline.settle([pipeline.message(topics.APPEALS_CHANGED, freed)])
    (decided,) = [one for one in published if isinstance(one, TrackDecided)]
    assert not restricted(decided.actions)
    assert decided.actions.display == "none"
    assert decided.statement_id is None
    assert not [one for one in published if isinstance(one, StatementWritten)]


def test_any_order_and_any_number_of_times_ends_the_same(pipeline: Pipeline) -> None:
    pipeline.deliver(classified(declared=SONGMAKER))
    facts: list[tuple[str, Any]] = [
        (topics.RIGHTS_CHANGED, agreement()),
        (topics.RIGHTS_CHANGED, agreement(2, permission="revoked")),
        (topics.REVIEWS_DECIDED, verdict()),
        (topics.APPEALS_CHANGED, appeal()),
    ]
    for topic, record in [*reversed(facts), *facts, *facts[::2]]:
        pipeline.read(topic, record)
    ended = pipeline.latest()
    assert (ended.label.source, ended.label.extent, ended.label.licensed) == (
        "reviewer",
        Extent.PARTLY,
        False,
    )
    count = pipeline.decisions()
    for item in [item for item in pipeline.published if item.topic in SOURCES]:
        pipeline.settle([item])  # all of it once more, as after a crash before a commit
    assert (pipeline.latest().decision_id, pipeline.decisions()) == (ended.decision_id, count)
    assert pipeline.applied() == ended.decision_id


def test_a_decision_that_missed_a_fact_is_noticed(pipeline: Pipeline) -> None:
    """The registry changed while the track was being decided: neither saw the other."""
    event = classified(declared=SONGMAKER)
    pipeline.read(topics.RIGHTS_CHANGED, agreement())
    pipeline.settle([pipeline.message(topics.CLASSIFIED, event)])
    blind = decide(event, pipeline.policies.current())
    assert not blind.decided.label.licensed
    pipeline.settle([pipeline.message(out.topic, out.record) for out in blind.outputs()])
    assert pipeline.latest().label.licensed
    assert pipeline.latest().previous_decision_id == blind.decided.decision_id


def test_two_decisions_of_one_millisecond_end_as_the_later(pipeline: Pipeline) -> None:
    """The catalogue applies what comes last; the ledger cannot tell. Both end the same."""
    event = classified(declared=SONGMAKER)
    first = pipeline.deliver(event)
    project(pipeline.ledger, [pipeline.message(topics.RIGHTS_CHANGED, agreement())])
    bundle = pipeline.policies.current()
    at = event.uploaded_at
    facts = TrackFacts(pipeline.ledger).facts(event, at, bundle.name)
    good = decide(event, bundle, facts, previous=first).decided
    stale = decide(event, bundle, previous=first).decided
    moment = T0 + 10 * next(pipeline.offsets)
    both = [message(topics.DECIDED, one, timestamp_ms=moment) for one in (good, stale)]
    pipeline.settle(both)
    assert pipeline.latest().label.licensed
    assert pipeline.applied() == pipeline.latest().decision_id


def test_an_older_upload_is_not_decided_again(pipeline: Pipeline) -> None:
    older = classified(declared=SONGMAKER, uri="file:///audio/old.wav")
    newer = classified(uploaded_at=older.uploaded_at + timedelta(days=1))
    pipeline.deliver(older)
    pipeline.deliver(newer)
    published = pipeline.read(topics.RIGHTS_CHANGED, agreement())
    assert published == []  # the newer one names no tool


def test_what_is_due_is_decided_again_once(pipeline: Pipeline) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    pipeline.read(topics.RIGHTS_CHANGED, agreement(valid_until=yesterday))
    event = classified(declared=SONGMAKER, uploaded_at=datetime(2026, 11, 1, tzinfo=UTC))
    bundle = pipeline.policies.current()
    pipeline.settle([pipeline.message(topics.CLASSIFIED, event)])
    facts = TrackFacts(pipeline.ledger).facts(event, event.uploaded_at, bundle.name)
    then = decide(event, bundle, facts).decided  # as it was decided at the time
    assert then.label.licensed
    project(pipeline.ledger, [pipeline.message(topics.DECIDED, then)])
    ((decision_id, track_id),) = reopening.due(pipeline.ledger, datetime.now(UTC))
    cause = Cause(kind="expiry", id=decision_id)
    (now,) = pipeline.read(topics.REOPENED, TrackReopened(track_id=track_id, cause=cause))
    assert not now.label.licensed
    assert now.rights[0].status == "expired"
    assert reopening.due(pipeline.ledger, datetime.now(UTC)) == []


def test_a_policy_is_only_applied_again_where_that_is_asked(pipeline: Pipeline) -> None:
    event = classified()
    first = pipeline.deliver(event)
    other = first.policy.model_copy(update={"digest": "0" * 64, "version": "0.0.1"})
    old = first.model_copy(update={"decision_id": "dec_old", "policy": other})
    pipeline.settle([pipeline.message(topics.DECIDED, old)])
    assert pipeline.read(topics.REOPENED, reopened()) == []
    read_again = reopened(cause=Cause(kind="model", id=event.analysis.analysis_id), force=True)
    assert pipeline.read(topics.REOPENED, read_again) == [], "the ledger read its topics again"
    (again,) = pipeline.read(topics.REOPENED, reopened(force=True))
    assert again.policy == first.policy
    assert again.previous_decision_id == "dec_old"


def reopened(**fields: Any) -> TrackReopened:
    known = {"track_id": "T-1", "cause": Cause(kind="operator", id="by-hand")}
    return TrackReopened.model_validate(known | fields)


def test_a_bad_message_harms_no_other(pipeline: Pipeline) -> None:
    pipeline.deliver(classified())
    bad = Message(topics.REVIEWS_DECIDED, 0, 99, b"T-1", b"{}")
    good = pipeline.message(topics.REVIEWS_DECIDED, verdict())
    handled = pipeline.redecide.handle([bad, good])
    assert [one.message for one in handled.refused] == [bad]
    decided = [out.record for _, out in handled.outputs if isinstance(out.record, TrackDecided)]
    assert len(decided) == 1
    assert parse(TrackDecided, decided[0].to_bytes()) == decided[0]
