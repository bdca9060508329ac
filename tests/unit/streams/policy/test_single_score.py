"""The single-score rule against tracks as they come, and not as the schema describes them.

The detector finds AI, and every other source is silent or finds none. Whatever policy loads,
nothing is removed, demonetised or detached.
"""

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from streams.contract.records import (
    Aigc,
    Certainty,
    Declaration,
    Extent,
    LabelSource,
    Outcome,
    Provenance,
    TrackClassified,
)
from streams.contract.vocabulary import SEVERE
from streams.policy.evaluate import evaluate
from streams.policy.facts import Rulings
from streams.policy.labels import assertions_of, effective, labels_of
from streams.policy.territories import evaluate_territories
from tests.support.events import DECIDED_AT, agreement, classified, match, verdict
from tests.support.policies import HUMAN, bundle, facts, features, rule
from tests.unit.streams.policy.test_evaluate import loadable_rules

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
        Outcome.AI_LIKELY,
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


BY_PERSON = {"review.by_person": True, "label.source": "reviewer", "label.certainty": "confirmed"}


@pytest.mark.parametrize(
    ("extent", "availability"), [("None", "allow"), ("Unknown", "allow"), ("All", "takedown")]
)
def test_a_person_who_finds_no_ai_lets_go_what_was_held(extent: str, availability: str) -> None:
    policy = bundle(rule(when="ai.p_value < 0.01", actions={"availability": "takedown"}, **HUMAN))
    waiting = evaluate(features(), policy)
    assert (waiting.actions.availability, waiting.review is not None) == ("hold", True)
    looked = evaluate(features(BY_PERSON | {"label.extent": extent}), policy)
    assert (looked.actions.availability, looked.review) == (availability, None)
    assert not looked.hits[0].pending


def test_a_tag_that_only_suspects_is_a_score_and_no_statement() -> None:
    event = classified(Outcome.HUMAN_LIKELY).model_copy(update={"provenance": AIGC_3})
    labels = labels_of(event, assertions_of(event, facts(event)))
    (tagged,) = [one for one in labels if one.source is LabelSource.PROVENANCE]
    assert tagged.certainty is Certainty.SUSPECTED
    assert effective(labels).source is LabelSource.DETECTOR
    (scoped,) = evaluate_territories(event, facts(event), bundle(rule())).everywhere
    assert scoped.values["signals.independent"] == 0.0
