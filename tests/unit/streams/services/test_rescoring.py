"""Which stored observations a model is to score, and the decisions that follow."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from detector.types import Rates
from streams.contract import topics
from streams.contract.records import (
    ModelRef,
    Outcome,
    TrackClassified,
    TrackFingerprinted,
    stable_id,
)
from streams.contract.records.rescoring import TrackRescoring
from streams.policy.conditions import Condition
from streams.policy.decide import decide
from streams.services.rescoring import Selection, selected
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.events import (
    MODEL,
    NEXT_MODEL,
    analysis,
    classified,
    fingerprinted,
    message,
    rescored,
)
from tests.support.publishing_helpers import LIVE, NOW
from tests.support.redeciding import Pipeline

RATES = Rates(0.01, 0.001)


def decoded(event: TrackClassified, version: int = 1) -> TrackFingerprinted:
    """The event before its analysis."""
    observation = fingerprinted().observation.model_copy(update={"version": version})
    return TrackFingerprinted.model_validate(dict(event) | {"observation": observation})


def decided(ledger: Ledger, *tracks: str, versions: Sequence[int] = (1,), **event: Any) -> None:
    """Store tracks that were decoded, scored and decided."""
    for place, track_id in enumerate(tracks):
        analysed = classified(track_id=track_id, **event)
        parts = [decoded(analysed, version) for version in versions]
        messages = [message(topics.FINGERPRINTED, part) for part in parts]
        messages += [message(topics.CLASSIFIED, analysed, place)]
        messages += [message(topics.DECIDED, decide(analysed, LIVE).decided, place)]
        project(ledger, messages)


def names(ledger: Ledger, **selection: Any) -> list[str]:
    """Return the tracks that are to be scored, and why others are not."""
    items = selected(ledger, LIVE, replace(Selection(NEXT_MODEL, RATES), **selection), NOW)
    return [one.track_id if isinstance(one, TrackRescoring) else one for one in items]


def test_a_request_has_what_the_answer_needs(ledger: Ledger) -> None:
    decided(ledger, "T-1")
    (request,) = selected(ledger, LIVE, Selection(NEXT_MODEL, RATES), NOW)
    assert isinstance(request, TrackRescoring)
    assert (request.model, request.replaces) == (NEXT_MODEL, "ana_1")
    expected = dict(decoded(classified()))
    assert {name: getattr(request, name) for name in expected} == expected
    (candidate,) = selected(ledger, LIVE, Selection(NEXT_MODEL, RATES, shadow=True), NOW)
    assert isinstance(candidate, TrackRescoring)
    assert candidate.replaces is None


def test_what_the_model_has_answered_is_not_asked_again(ledger: Ledger) -> None:
    decided(ledger, "T-1", "T-2")
    assert names(ledger) == ["T-1", "T-2"]
    again = classified(track_id="T-1")
    answer = analysis(analysis_id="ana_2", model=NEXT_MODEL, identified_alpha=0.001)
    event = again.model_copy(update={"analysis": answer, "replaces": "ana_1"})
    project(ledger, [message(topics.CLASSIFIED, event, 9, timestamp_ms=1_900_000_000_000)])
    assert names(ledger) == ["answered", "T-2"]
    assert names(ledger, rates=Rates(0.02, 0.001)) == ["T-1", "T-2"], "by other rates it is asked"
    assert names(ledger, shadow=True) == ["answered", "T-2"]


def test_a_candidate_is_asked_once(ledger: Ledger) -> None:
    decided(ledger, "T-1", "T-2")
    project(ledger, [message(topics.RESCORED, rescored("T-1", identified_alpha=0.001))])
    assert names(ledger, shadow=True) == ["answered", "T-2"]
    assert names(ledger) == ["T-1", "T-2"], "its answer decides nothing"
    other = Rates(0.02, 0.001)
    assert names(ledger, shadow=True, rates=other) == ["T-1", "T-2"], "by other rates it is asked"


def test_what_cannot_be_scored_is_left_out_with_its_reason(ledger: Ledger) -> None:
    decided(ledger, "T-1", versions=())
    decided(ledger, "T-2", versions=(0,))
    decided(ledger, "T-3", versions=(0, 1))
    assert names(ledger) == ["no_observation", "other_version", "T-3"]


def test_tracks_are_selected_by_time_and_by_policy_features(ledger: Ledger) -> None:
    decided(ledger, "T-1", outcome=Outcome.NO_TRACE)
    decided(ledger, "T-2", "T-3", outcome=Outcome.IDENTIFIED)
    where = Condition('ai.outcome == "identified"', {})
    assert names(ledger, where=where) == ["not_selected", "T-2", "T-3"]
    assert names(ledger, since=datetime(2100, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize("outcome", [Outcome.NO_TRACE, Outcome.IDENTIFIED])
def test_a_track_is_decided_again_by_each_answer_in_turn(
    pipeline: Pipeline, outcome: Outcome
) -> None:
    """By model A, then B, then A again, and nothing twice."""
    first = pipeline.deliver(classified(outcome))
    before = first
    for number, model in enumerate((NEXT_MODEL, MODEL), start=1):
        event = answered(outcome, model, before.analysis.analysis_id)
        pipeline.read(topics.CLASSIFIED, event)
        pipeline.read(topics.CLASSIFIED, event)  # a redelivery
        latest = pipeline.latest()
        assert latest.analysis == event.analysis
        assert latest.previous_decision_id == before.decision_id
        assert latest.cause is not None
        assert (latest.cause.kind, latest.cause.id) == ("model", event.analysis.analysis_id)
        assert pipeline.decisions() == number + 1
        assert pipeline.applied() == latest.decision_id
        before = latest


def answered(outcome: Outcome, model: ModelRef, replaces: str) -> TrackClassified:
    answer = analysis(outcome, analysis_id=stable_id("ana", replaces), model=model)
    return classified().model_copy(update={"analysis": answer, "replaces": replaces})
