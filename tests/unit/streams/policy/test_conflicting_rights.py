"""Agreements that contradict each other, notice periods, borrowed ids, and times to object."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from streams.contract.records import Cause, Declaration, Derivation, Tool
from streams.contract.records.rights import Revocation, RightsChanged, RightsSubject
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.policy.registry import boundaries
from streams.policy.rights import Rights, rights_of
from streams.runtime.settings import Settings
from tests.support.events import agreement, classified
from tests.support.policies import facts
from tests.unit.streams.policy.test_decide import LICENSED, generator

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SINGER = RightsSubject(artists=("A Singer",))
POLICY = load(Settings().policy)


def entry(entry_id: str, **fields: Any) -> RightsChanged:
    return agreement(**fields).model_copy(update={"entry_id": entry_id})


def ask(*entries: RightsChanged, at: datetime = NOW, **upload: Any) -> Rights:
    fields: dict[str, Any] = {"declared": LICENSED, "artists": ("A Singer",)} | upload
    return rights_of(classified(**fields), entries, "Worldwide", at)


@pytest.mark.parametrize("ids", ["ab", "ba"])
def test_an_opt_out_prevails_whatever_the_order(ids: str) -> None:
    grant = entry(ids[0])
    refusal = entry(ids[1], agreement_id="NO", subject=SINGER, permission="opt_out")
    for entries in ((grant, refusal), (refusal, grant)):
        for more in ((), (generator("licensed"),)):
            answer = ask(*entries, *more)
            assert (answer.agreement, answer.licensed, answer.agreement_id) == (
                "revoked",
                False,
                None,
            )
    assert ask(grant).licensed
    over = entry("c", subject=SINGER, permission="opt_out", valid_until=date(2026, 6, 30))
    assert ask(grant, over).licensed, "an opt-out that ended refuses nothing"


@pytest.mark.parametrize("ids", ["ab", "ba"])
def test_of_entries_about_one_recording_the_refusal_counts(ids: str) -> None:
    isrc = RightsSubject(isrcs=("USRC17607839",))
    grant = entry(ids[0], subject=isrc, conditions={})
    refusal = entry(ids[1], subject=isrc, conditions={}, permission="opt_out")
    known: dict[str, Any] = {"declared": Declaration(contains_ai="All"), "isrc": "USRC17607839"}
    assert ask(grant, refusal, **known).agreement == "revoked"
    assert ask(grant, entry("c", subject=isrc, permission="revoked"), **known).licensed


def test_a_revoked_agreement_is_not_rescued_by_its_generator() -> None:
    assert ask(generator("licensed")).licensed
    assert not ask(agreement(2, permission="revoked"), generator("licensed")).licensed


def test_a_revocation_counts_from_when_it_says() -> None:
    ends = Revocation(effective_at=NOW + timedelta(days=1), grace_days=30)
    for permission in ("opt_in", "revoked"):
        values = agreement(2, permission=permission, revocation=ends)
        last = NOW + timedelta(days=31)
        assert ask(values, at=last - timedelta(seconds=1)).licensed
        assert ask(values, at=last).agreement == "revoked"
    assert ask(agreement(2, permission="revoked")).agreement == "revoked"


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-05:00", "9990-01-02T00:00:00Z"])
def test_a_revocation_at_the_end_of_the_calendar_never_counts(at: str) -> None:
    ends = Revocation(effective_at=datetime.fromisoformat(at), grace_days=3_650)
    values = agreement(2, revocation=ends, valid_until=date.max)
    assert ask(values).licensed
    assert max(boundaries(values)) < NOW


def test_a_revocation_in_the_year_1_counts() -> None:
    at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    assert ask(agreement(2, revocation=Revocation(effective_at=at))).agreement == "revoked"


def test_an_id_is_good_for_those_it_was_given_to() -> None:
    named = agreement(subject=RightsSubject(wildcard=True, catalogue_dpid="PADPIDA2026"))
    assert not ask(named).licensed
    assert not ask(named, distributor="Somebody Else").licensed
    assert ask(named, distributor="padpida2026").licensed


def test_versions_are_a_condition_by_themselves() -> None:
    values = agreement(conditions={"generator_versions": ("2",)})
    tools = [Tool(name="Any", version=version, agreement_id="AGR-1") for version in ("1", "2")]
    result = [ask(values, declared=Declaration(contains_ai="All", tools=(one,))) for one in tools]
    assert [one.agreement for one in result] == ["out_of_scope", "in_force"]


def test_a_swapped_voice_that_nobody_names_is_looked_at() -> None:
    event = classified(
        declared=Declaration(contains_ai="All"),
        derivation=Derivation(type="voice_swap", source_artists=("A Singer",)),
    )
    records = decide(event, POLICY, facts(event))
    assert records.requested is not None
    assert records.requested.queue == "impersonation"
    assert records.decided.actions.monetisation == "hold"


# --- since when, and how long one may object -----------------------------------------------------


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


def test_a_hold_that_begins_by_date_lasts_as_long_as_any() -> None:
    """A consent that ended years after the upload: the fourteen days run from its end."""
    voice: dict[str, Any] = {
        "voice": {"depicted": "A Singer"},
        "declared": Declaration(contains_ai="All"),
    }
    event = classified(**voice)
    subject = RightsSubject(voices=("A Singer",))
    consent = agreement(subject=subject, uses=("voice_replica",), conditions={},
                        valid_until=date(2028, 6, 30))  # fmt: skip
    assert decide(event, POLICY, facts(event, consent)).decided.actions.monetisation == "allow"
    ended = datetime(2028, 7, 1, tzinfo=UTC)
    for days, expected in ((0, "hold"), (13, "hold"), (14, "allow")):
        stands = facts(event, consent, at=ended + timedelta(days=days))
        assert decide(event, POLICY, stands).decided.actions.monetisation == expected
