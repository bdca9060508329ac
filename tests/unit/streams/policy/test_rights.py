"""Licences: where and when they count, and agreements that contradict each other."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from streams.contract.records import (
    Declaration,
    LabelSource,
    Outcome,
    Tool,
)
from streams.contract.records.rights import Revocation, RightsChanged, RightsSubject
from streams.policy.labels import effective
from tests.support.events import agreement, classified
from tests.support.labelling import LICENSED, labels
from tests.support.policy_table import generator
from tests.support.rights_questions import NOW, ask


@pytest.mark.parametrize(
    ("tools", "fields", "licensed"),
    [
        ((LICENSED,), {}, True),
        ((LICENSED, LICENSED), {}, True),
        ((), {}, False),
        ((Tool(name="Melody Maker"),), {}, False),  # no agreement claimed
        ((Tool(name="Melody Maker", agreement_id="AGR-2"),), {}, False),  # unknown agreement
        ((Tool(name="Other Tool", agreement_id="AGR-1"),), {}, False),  # another's agreement
        ((LICENSED, Tool(name="Other Tool")), {}, False),  # one licence does not cover two tools
        ((LICENSED,), {"territories": ("NO",)}, True),
        ((LICENSED,), {"territories": ("NO", "SE")}, True),  # in NO; see the table for SE
        ((LICENSED,), {"territories": ("SE", "NO")}, False),
        ((LICENSED,), {"territories": ("Worldwide",)}, False),
    ],
)
def test_a_licence_counts_only_where_it_stands(
    tools: tuple[Tool, ...], fields: dict[str, Any], licensed: bool
) -> None:
    declared = Declaration(contains_ai="All", tools=tools)
    event = classified(declared=declared, **({"territories": ("DE",)} | fields))
    label = effective(labels(event))
    assert label.licensed is licensed
    assert label.agreement_id == ("AGR-1" if licensed else None)


@pytest.mark.parametrize(
    ("day", "licensed"),
    [
        ("2025-12-31T23:59:59+00:00", False),
        ("2026-01-01T00:00:00+00:00", True),
        ("2026-12-31T23:59:59+00:00", True),
        ("2027-01-01T00:00:00+00:00", False),
        ("2027-01-01T00:30:00+01:00", True),  # still 2026 in UTC
    ],
)
def test_a_licence_counts_on_the_day_of_the_upload(day: str, licensed: bool) -> None:
    event = classified(
        declared=Declaration(contains_ai="All", tools=(LICENSED,)),
        territories=("DE",),
        uploaded_at=datetime.fromisoformat(day),
    )
    assert effective(labels(event)).licensed is licensed


def test_a_licence_covers_what_the_detector_finds() -> None:
    """A tool is named but the extent is not: the licence is no less valid."""
    event = classified(declared=Declaration(tools=(LICENSED,)), territories=("DE",))
    label = effective(labels(event))
    assert (label.source, label.licensed) == (LabelSource.DETECTOR, True)


def test_human_music_needs_no_licence() -> None:
    event = classified(
        Outcome.NO_TRACE,
        declared=Declaration(contains_ai="None", tools=(LICENSED,)),
        territories=("DE",),
    )
    assert not effective(labels(event)).licensed


SINGER = RightsSubject(artists=("A Singer",))


def entry(entry_id: str, **fields: Any) -> RightsChanged:
    return agreement(**fields).model_copy(update={"entry_id": entry_id})


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
