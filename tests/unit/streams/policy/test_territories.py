"""Territories, each with its rights and times; and no track is punished for one score.

The property is about tracks as they come: the detector finds AI, and every other source is silent
or finds none. Whatever policy loads, nothing is removed, demonetised or detached.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from streams.contract.records import (
    Aigc,
    Declaration,
    Extent,
    Outcome,
    Provenance,
    TrackClassified,
)
from streams.contract.records.rights import RightsSubject
from streams.contract.vocabulary import SEVERE
from streams.policy.decide import decide
from streams.policy.facts import Rulings
from streams.policy.territories import evaluate_territories
from tests.support.events import DECIDED_AT, agreement, classified, match, verdict
from tests.support.policies import bundle, facts, rule
from tests.support.policy_strategies import loadable_rules
from tests.support.policy_table import (
    AI,
    IN_DE,
    LICENSED,
    POLICY,
    decided,
    event_of,
)

ISRC = "USRC17607839"
AIGC_3 = Provenance(aigc=Aigc(label="3", producer="Another Platform"))


PROVENANCES = (
    None,
    AIGC_3,
    Provenance(state="trusted", extent=Extent.NONE),
    Provenance(state="trusted"),
    Provenance(state="untrusted"),
    Provenance(state="invalid", extent=Extent.ALL),
)


CLEARED: dict[str, Any] = {"outcome": "reject_flag", "extent": Extent.NONE, "components": ()}


VERDICTS: tuple[dict[str, Any] | None, ...] = (
    None,
    CLEARED,
    CLEARED | {"findings": ("not_fraud", "not_impersonation")},
    {"outcome": "correct", "extent": Extent.UNKNOWN, "components": ()},
)


DECLARED = (
    Declaration(),
    Declaration(contains_ai="None"),
    Declaration(contains_ai="All", components=("artwork",)),
)


@st.composite
def events(draw: st.DrawFn) -> TrackClassified:
    """A track that is AI by the detector only."""
    event = classified(
        Outcome.IDENTIFIED,
        draw(st.sampled_from([Extent.ALL, Extent.PARTLY])),
        declared=draw(st.sampled_from(DECLARED)),
        isrc=draw(st.sampled_from([None, ISRC])),
        generator=draw(st.sampled_from([None, "Songmaker"])),
    )
    known = (match(bank="c", bank_kind="catalogue"),) if draw(st.booleans()) else ()
    return event.model_copy(
        update={"provenance": draw(st.sampled_from(PROVENANCES)), "matches": known}
    )


@hypothesis_settings(deadline=None, max_examples=80)
@given(
    loadable_rules(),
    events(),
    st.sampled_from(VERDICTS),
    st.sampled_from(["opt_in", "opt_out", "revoked"]),
)
def test_nothing_is_punished_of_which_only_the_detector_speaks(
    rules: list[dict[str, Any]], event: TrackClassified, answer: dict[str, Any] | None, permits: str
) -> None:
    named = agreement(permission=permits, subject={"isrcs": [ISRC]})
    spoken = Rulings(verdicts=() if answer is None else (verdict(**answer),))
    held = facts(event, named, rulings=spoken, at=DECIDED_AT + timedelta(days=1))
    for scoped in evaluate_territories(event, held, bundle(*rules)).everywhere:
        for actions in (scoped.result.actions, scoped.result.would_be):
            for dimension, severe in SEVERE.items():
                assert getattr(actions, dimension) != severe, scoped.values


def test_a_licence_in_one_territory_is_told_by_territory() -> None:
    known = {"rights": [IN_DE], "territories": ("DE", "FR", "NO")}
    result = decided(event_of(LICENSED, AI, known), known).decided
    (elsewhere,) = result.territorial
    assert elsewhere.territories == ("DE",)
    assert elsewhere.licensed
    assert elsewhere.actions.recommendation == "allow"
    scopes = {(t.dimension, t.territories) for t in result.terms}
    assert scopes == {
        ("display", ("FR", "NO")),
        ("recommendation", ("FR", "NO")),
        ("display", ("DE",)),
    }
    worldwide = decided(event_of(LICENSED, AI, {"rights": [IN_DE]}), {"rights": [IN_DE]}).decided
    assert [one.territories for one in worldwide.territorial] == [("DE",)]
    assert worldwide.terms[0].territories == ("Worldwide",)


@pytest.mark.parametrize("territories", [("Worldwide",), ("DE", "FR", "NO")])
def test_nothing_is_decided_for_an_excluded_territory(territories: tuple[str, ...]) -> None:
    known = {"rights": [IN_DE], "territories": territories}
    event = event_of(LICENSED, AI, known)
    upload = event.upload.model_copy(update={"excluded_territories": ("DE",)})
    result = decided(event.model_copy(update={"upload": upload}), known).decided
    assert not result.territorial
    assert "DE" not in {place for term in result.terms for place in term.territories}


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


IN_DE_ONLY = {
    "when": 'label.extent in ["All", "Partly"] && delivery.distributor == "New Label"',
    "on_missing": "skip",
    "territories": ["DE"],
    "requires": "human",
    "review": {"queue": "new-deliverers", "priority": 60},
}


@pytest.mark.parametrize(
    ("territories", "excluded", "asked", "where"),
    [
        ((), (), True, {"elsewhere": {"new": ["DE"]}}),
        (("FR", "DE"), (), True, {"territory": "FR", "elsewhere": {"new": ["DE"]}}),
        (("DE",), (), True, {"territory": "DE"}),
        (("FR",), (), False, {"territory": "FR"}),
        ((), ("DE",), False, {}),
    ],
)
def test_a_rule_for_one_territory_holds_there_alone(
    territories: tuple[str, ...], excluded: tuple[str, ...], asked: bool, where: dict[str, Any]
) -> None:
    policy = bundle(rule(actions={"display": "ai_badge"}), rule("new", **IN_DE_ONLY))
    event = classified(
        distributor="New Label", territories=territories, excluded_territories=excluded
    )
    records = decide(event, policy)
    assert [need and need.queue for need in [records.requested]] == [
        "new-deliverers" if asked else None
    ]
    assert ("new" in {hit.rule_id for hit in records.hits}) is asked
    features = records.decided.features
    assert {
        name: features[name] for name in ("territory", "elsewhere") if name in features
    } == where
    assert records.decided.territorial == ()  # the same actions everywhere
    assert decide(classified(distributor="Old Label"), policy).requested is None


def test_a_restriction_for_one_territory_is_carried_out_there_alone() -> None:
    out = rule("out", territories=["DE", "AT"], actions={"recommendation": "exclude_all"})
    decided = decide(classified(), bundle(rule(), out)).decided
    assert decided.actions.recommendation == "allow"
    (there,) = decided.territorial
    assert (there.territories, there.actions.recommendation) == (("AT", "DE"), "exclude_all")
    assert [(term.rule_id, term.territories) for term in decided.terms] == [("out", ("AT", "DE"))]
