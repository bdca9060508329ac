"""The policy as a table, and the content of a decision."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from streams.contract.records import (
    Cause,
    Declaration,
    Derivation,
    Outcome,
)
from streams.contract.vocabulary import NEUTRAL
from streams.policy.decide import decide
from streams.policy.facts import Rulings
from tests.support.events import agreement, classified
from tests.support.policies import facts
from tests.support.policy_table import (
    AI,
    ALL,
    GRANTED,
    LICENSED,
    POLICY,
    TABLE,
    VOICE,
    Row,
    decided,
    event_of,
    generator,
)


@pytest.mark.parametrize(
    ("distributors", "by", "asks"),
    [
        ((), "B", False),  # the first delivery, not in the ledger yet
        (("A",), "A", False),
        (("A",), "a", False),
        (("A", "B"), "A", False),
        (("A",), "B", True),
        (("A", "B"), "B", True),
        (("A",), None, True),
        ((None,), "B", True),
        ((None,), None, False),
    ],
)
def test_the_track_of_another_distributor_is_reviewed(
    distributors: tuple[str | None, ...], by: str | None, asks: bool
) -> None:
    event = classified(Outcome.NO_TRACE, p_value=0.7, distributor=by)
    known = facts(event, rulings=Rulings(distributors=distributors))
    records = decide(event, POLICY, known)
    assert (records.requested is not None) is asks
    assert records.decided.actions.model_dump() == NEUTRAL
    if records.requested is not None:
        assert records.requested.queue == "deliveries"
        assert records.requested.reason_codes == ("R-FOREIGN-TRACK",)
    alone = decide(event, POLICY, facts(event)).decided
    assert (alone.decision_id == records.decided.decision_id) is not asks


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 60


@pytest.mark.parametrize("row", TABLE, ids=[f"{number:02}" for number in range(len(TABLE))])
def test_the_policy_as_a_table(row: Row) -> None:
    declared, detected, known, label, licensed, follows, review = row
    decisions = decided(event_of(declared, detected, known), known)
    result = decisions.decided
    assert f"{result.label.extent.value} {result.label.source.value}" == label
    assert result.label.licensed is licensed
    assert result.actions.model_dump() == NEUTRAL | follows
    assert (decisions.requested and decisions.requested.queue) == review
    assert result.automation == (
        "partially" if review or label.endswith(("reviewer", "appeal")) else "fully"
    )
    assert bool(result.reasons_public) is bool(follows)


def test_a_hold_runs_out_by_itself() -> None:
    event = event_of(ALL, AI, VOICE)
    first = decided(event, VOICE).decided
    (held,) = [one for one in first.terms if one.dimension == "monetisation"]
    assert (held.ends_at, first.reconsider_at) == (held.ends_at, held.ends_at)
    assert held.ends_at is not None
    later = decided(event, {**VOICE, "at": held.ends_at}).decided
    assert later.actions.monetisation == "allow"
    assert later.features["lapsed"] == ["voice-without-consent"]
    assert later.decision_id != first.decision_id


def test_a_decision_names_what_it_rests_on() -> None:
    known = {"rights": [GRANTED, generator("licensed")]}
    result = decided(event_of(LICENSED, AI, known), known).decided
    assert [(one.purpose, one.version, one.status) for one in result.rights] == [
        ("generator", 1, "licensed"),
        ("licence", 1, "in_force"),
    ]
    assert result.facts_digest is not None
    assert decided(event_of(ALL, AI, {}), {}).decided.facts_digest is None


def test_facts_that_say_the_same_have_the_same_digest() -> None:
    event = event_of(LICENSED, AI, {})
    record = facts(event, GRANTED, at=datetime(2026, 11, 24, tzinfo=UTC))
    two = replace(record, at=datetime(2026, 12, 24, tzinfo=UTC))
    assert decide(event, POLICY, record).decided == decide(event, POLICY, two).decided


def test_a_swapped_voice_that_nobody_names_is_looked_at() -> None:
    event = classified(
        declared=Declaration(contains_ai="All"),
        derivation=Derivation(type="voice_swap", source_artists=("A Singer",)),
    )
    records = decide(event, POLICY, facts(event))
    assert records.requested is not None
    assert records.requested.queue == "impersonation"
    assert records.decided.actions.monetisation == "hold"


def test_who_is_told_years_later_may_object_for_six_months_from_then() -> None:
    event = classified(declared=LICENSED)
    granted = agreement(valid_until=date(2028, 6, 30))
    first = decide(event, POLICY, facts(event, granted))
    assert first.statement is None
    ended = datetime(2028, 7, 1, tzinfo=UTC)
    at = ended + timedelta(minutes=3)
    cause = Cause(kind="expiry", id=first.decided.decision_id)
    again = decide(event, POLICY, facts(event, granted, at=at),
                       previous=first.decided, cause=cause)  # fmt: skip
    assert again.statement is not None
    assert {one.starts_at for one in again.decided.terms} == {ended}
    assert again.statement.fields["application_date"] == "2028-07-01"
    assert again.statement.redress.deadline - at >= timedelta(days=184)
    later = decide(event, POLICY, facts(event, granted, at=at + timedelta(hours=5)),
                       previous=first.decided, cause=cause)  # fmt: skip
    assert later == again, "asked again on the same day, it says the same"
