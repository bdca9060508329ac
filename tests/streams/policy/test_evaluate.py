from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from streams.policy.bundle import Bundle, load
from streams.policy.evaluate import STRICTNESS, evaluate, restricted
from streams.policy.features import Features, features_of
from streams.policy.labels import effective, labels_of
from streams.policy.rules import HUMAN_SOURCES, PENDING, SEVERE, When
from streams.records import (
    Actions,
    Certainty,
    Declaration,
    Extent,
    LabelSource,
    Outcome,
)
from streams.settings import Settings
from tests.streams.events import SAMPLE_TOOL, audio, classified
from tests.streams.policy.policies import HUMAN, bundle, features, rule

DEFAULT = load(Settings().policy)
ALLOW = Actions()


def test_strictness_covers_every_value_of_every_dimension() -> None:
    assert {
        name: set(get_args(field.annotation)) for name, field in Actions.model_fields.items()
    } == {name: set(order) for name, order in STRICTNESS.items()}
    assert all(order[0] == getattr(ALLOW, name) for name, order in STRICTNESS.items())


def test_every_feature_can_be_asked_for_except_none() -> None:
    assert When.model_fields.keys() == Features.model_fields.keys()


# --- the default policy, as a table --------------------------------------------------------

MISMATCH = ("disclosure", 70)
BORDERLINE = ("borderline", 30)


@pytest.mark.parametrize(
    ("event", "expected", "review"),
    [
        (classified(), {"display": "ai_badge", "recommendation": "exclude_algorithmic"}, None),
        (classified(extent=Extent.PARTLY), {"display": "partly_ai_badge"}, None),
        (classified(extent=Extent.UNKNOWN), {"display": "partly_ai_badge"}, None),
        (classified(Outcome.HUMAN_LIKELY, p_value=0.6), {}, None),
        (
            classified(declared=Declaration(contains_ai="None")),
            {"display": "ai_badge", "recommendation": "exclude_algorithmic"},
            MISMATCH,
        ),
        (
            classified(extent=Extent.PARTLY, declared=Declaration(contains_ai="None")),
            {"display": "partly_ai_badge"},
            MISMATCH,
        ),
        (
            classified(Outcome.HUMAN_LIKELY, declared=Declaration(contains_ai="All")),
            {"display": "ai_badge", "recommendation": "exclude_algorithmic"},
            None,
        ),
        (
            classified(declared=Declaration(contains_ai="Partly")),
            {"display": "partly_ai_badge"},
            None,
        ),
        (
            classified(declared=Declaration(contains_ai="All", tools=(SAMPLE_TOOL,))),
            {"display": "ai_badge"},
            None,
        ),
        (classified(Outcome.UNCERTAIN, p_value=0.015), {}, BORDERLINE),
        (classified(Outcome.UNCERTAIN, p_value=0.03), {}, None),
        (
            classified(
                Outcome.UNCERTAIN, p_value=0.015, declared=Declaration(contains_ai="Partly")
            ),
            {"display": "partly_ai_badge"},
            None,
        ),
        (classified(Outcome.NOT_ASSESSABLE, p_value=None), {}, None),
        (
            classified(
                Outcome.NOT_ASSESSABLE, p_value=None, declared=Declaration(contains_ai="None")
            ),
            {},
            ("not-assessable", 10),
        ),
        (
            classified(
                Outcome.NOT_ASSESSABLE,
                p_value=None,
                declared=Declaration(contains_ai="None"),
                heard=audio(duration_s=8.0),
            ),
            {},
            None,
        ),
    ],
)
def test_the_default_policy(
    event: Any, expected: dict[str, str], review: tuple[str, int] | None
) -> None:
    label = effective(labels_of(event, DEFAULT.agreements, DEFAULT.digest))
    said = evaluate(features_of(event, label), DEFAULT)
    assert said.actions == Actions.model_validate(expected)
    assert (said.review and (said.review.queue, said.review.priority)) == review
    assert said.automation == ("partially" if review else "fully")
    assert bool(said.reasons_public) is bool(expected)


# --- conditions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "changes", "holds"),
    [
        ({"p_value": {"max": 0.01}}, {"p_value": 0.01}, True),
        ({"p_value": {"max": 0.01}}, {"p_value": 0.011}, False),
        ({"p_value": {"min": 0.01, "max": 0.02}}, {"p_value": 0.005}, False),
        ({"p_value": {"max": 0.01}}, {"p_value": None}, False),
        ({"p_value": {"max": 0.01, "or_missing": True}}, {"p_value": None}, True),
        ({"p_value": {"or_missing": True}}, {"p_value": None}, True),
        ({"p_value": {"or_missing": True}}, {"p_value": 0.5}, False),
        ({"p_value": {"max": 0.5}}, {"p_value": float("nan")}, False),
        ({"distributor": {"any_of": ["Acme"]}}, {"distributor": "ACME"}, True),
        ({"distributor": {"any_of": ["Acme"]}}, {"distributor": None}, False),
        ({"distributor": {"none_of": ["Acme"]}}, {"distributor": "Other"}, True),
        ({"distributor": {"none_of": ["Acme"]}}, {"distributor": "acme"}, False),
        ({"distributor": {"none_of": ["Acme"]}}, {"distributor": None}, False),
        ({"distributor": {"none_of": ["Acme"], "or_missing": True}}, {"distributor": None}, True),
        ({"declared": ["absent"]}, {}, True),
        ({"declared": ["None", "absent"]}, {"declared": "All"}, False),
        ({"licensed": False}, {}, True),
        ({"licensed": False}, {"licensed": True}, False),
        ({"extent": ["All"], "outcome": ["uncertain"]}, {}, False),
    ],
)
def test_conditions(when: dict[str, Any], changes: dict[str, Any], holds: bool) -> None:
    assert When.model_validate(when).holds(features(**changes)) is holds


def test_the_strictest_wins_in_each_dimension() -> None:
    said = evaluate(
        features(source="registry"),
        bundle(
            rule("a", actions={"display": "partly_ai_badge", "recommendation": "exclude_all"}),
            rule("b", priority=999, actions={"display": "ai_badge"}),
            rule("c", actions={"recommendation": "exclude_algorithmic"}),
            rule("d", when={"extent": ["None"]}, actions={"recommendation": "exclude_all"}),
        ),
    )
    assert said.actions == Actions(display="ai_badge", recommendation="exclude_all")
    assert [hit.rule_id for hit in said.hits] == ["b", "a", "c"]


def test_a_severe_consequence_is_pending_until_a_person_has_decided() -> None:
    policy = bundle(rule(actions=dict(SEVERE), **HUMAN))
    before = evaluate(features(), policy)
    assert before.actions == Actions.model_validate(PENDING)
    assert before.review is not None
    assert before.automation == "partially"
    after = evaluate(features(source=LabelSource.REVIEWER, certainty="confirmed"), policy)
    assert after.actions == Actions.model_validate(SEVERE)
    assert after.review is None
    assert after.automation == "partially"


def test_a_licence_lifts_every_penalty_and_keeps_the_badge() -> None:
    policy = bundle(
        rule("badge", actions={"display": "ai_badge"}, public="It is AI."),
        rule("out", actions={"recommendation": "exclude_all"}, public="It is not recommended."),
        rule("held", actions={"availability": "hold"}, **HUMAN),
    )
    said = evaluate(features(licensed=True), policy)
    assert said.actions == Actions(display="ai_badge")
    assert said.reasons_public == ("It is AI.",)
    assert said.review is not None


def test_the_most_urgent_review_names_the_queue() -> None:
    def asking(name: str, priority: int) -> dict[str, Any]:
        return rule(name, requires="human", review={"queue": name, "priority": priority})

    said = evaluate(features(), bundle(asking("b", 5), asking("a", 50), asking("c", 50)))
    assert said.review is not None
    assert (said.review.queue, said.review.priority) == ("a", 50)
    assert said.review.reason_codes == ("R-A", "R-B", "R-C")


def test_restricted_means_more_than_a_badge() -> None:
    assert not restricted(Actions(display="ai_badge"))
    assert restricted(Actions(monetisation="hold"))


# --- properties ----------------------------------------------------------------------------

unhurried = hypothesis_settings(deadline=None)  # machines are shared

EXTENTS = [extent.value for extent in Extent]
SOURCES = [source.value for source in LabelSource]
DECLARED = ["All", "Partly", "None", "absent"]


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


bounds = st.fixed_dictionaries(
    {"or_missing": st.booleans()},
    optional={"max": st.floats(0.5, 1), "min": st.floats(0, 0.5)},
).filter(lambda given: len(given) > 1 or given["or_missing"])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "extent": some(EXTENTS),
        "source": some(SOURCES),
        "outcome": some([outcome.value for outcome in Outcome]),
        "declared": some(DECLARED),
        "licensed": st.booleans(),
        "disclosure_mismatch": st.booleans(),
        "p_value": bounds,
        "probability": bounds,
    },
).filter(bool)
actions = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(order) for name, order in STRICTNESS.items()}
)
rules = st.builds(
    lambda when, actions, priority, human: rule(
        when=when, actions=actions, priority=priority, **(HUMAN if human else {})
    ),
    conditions,
    actions,
    st.integers(0, 3),
    st.booleans(),
)


@st.composite
def loadable_rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules of which each loads by itself; ids are their places."""
    found = []
    for given_rule in draw(st.lists(rules, min_size=1, max_size=6)):
        numbered = given_rule | {"id": f"r{len(found)}"}
        try:
            bundle(numbered)
        except ValidationError:
            continue
        found.append(numbered)
    return found or [rule()]


snapshots = st.builds(
    features,
    extent=st.sampled_from(EXTENTS),
    certainty=st.sampled_from([one.value for one in Certainty]),
    source=st.sampled_from(SOURCES),
    licensed=st.booleans(),
    outcome=st.sampled_from([one.value for one in Outcome]),
    declared=st.sampled_from(DECLARED),
    disclosure_mismatch=st.booleans(),
    p_value=st.none() | st.floats(0, 1),
    probability=st.none() | st.floats(0, 1),
)


def detector_alone(snapshot: Features) -> bool:
    """Whether the effective label is the detector's, as precedence would have it."""
    return snapshot.source is LabelSource.DETECTOR and snapshot.declared in ("None", "absent")


@unhurried
@given(loadable_rules(), snapshots)
def test_no_policy_that_loads_punishes_on_a_score_alone(
    given_rules: list[dict[str, Any]], snapshot: Features
) -> None:
    said = evaluate(snapshot, bundle(*given_rules))
    if detector_alone(snapshot):
        for dimension, severe in SEVERE.items():
            assert getattr(said.actions, dimension) != severe
    pending = [name for name, value in PENDING.items() if getattr(said.actions, name) == value]
    if pending and snapshot.source not in HUMAN_SOURCES:
        assert said.review is not None


@unhurried
@given(loadable_rules(), snapshots, st.randoms(use_true_random=False))
def test_the_order_of_rules_changes_nothing(
    given_rules: list[dict[str, Any]], snapshot: Features, random: Any
) -> None:
    ordered = bundle(*given_rules)
    random.shuffle(given_rules)
    shuffled = bundle(*given_rules)
    assert evaluate(snapshot, ordered) == evaluate(snapshot, shuffled)
    assert ordered.digest == shuffled.digest


@unhurried
@given(loadable_rules(), snapshots)
def test_the_same_input_gives_the_same_output(
    given_rules: list[dict[str, Any]], snapshot: Features
) -> None:
    again = Features.model_validate_json(snapshot.model_dump_json())
    reread = Bundle.model_validate_json(bundle(*given_rules).model_dump_json(exclude_none=True))
    assert evaluate(again, reread) == evaluate(snapshot, bundle(*given_rules))


@unhurried
@given(loadable_rules(), snapshots)
def test_a_licensed_track_bears_no_penalty(
    given_rules: list[dict[str, Any]], snapshot: Features
) -> None:
    licensed = snapshot.model_copy(update={"licensed": True})
    assert not restricted(evaluate(licensed, bundle(*given_rules)).actions)
