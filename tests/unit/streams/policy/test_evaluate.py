"""How rules are put together, and what holds for every policy that loads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from streams.contract.records import Actions
from streams.contract.vocabulary import PENDING, SEVERE
from streams.policy.bundle import Bundle
from streams.policy.evaluate import evaluate, restricted
from streams.policy.features import snapshot
from streams.policy.satisfiability import beyond_the_detector
from streams.policy.schema import FEATURES, Value
from tests.support.policies import HUMAN, bundle, features, rule
from tests.support.policy_strategies import loadable_rules, snapshots

ALLOW = Actions()


REVIEWED = {"label.source": "reviewer", "label.certainty": "confirmed", "review.by_person": True}


def test_the_strictest_wins_in_each_dimension() -> None:
    evaluation = evaluate(
        features({"label.source": "registry"}),
        bundle(
            rule("a", actions={"display": "partly_ai_badge", "recommendation": "exclude_all"}),
            rule("b", priority=999, actions={"display": "ai_badge"}),
            rule("c", actions={"recommendation": "exclude_algorithmic"}),
            rule("d", when='label.extent == "None"', actions={"recommendation": "exclude_all"}),
        ),
    )
    assert evaluation.actions == Actions(display="ai_badge", recommendation="exclude_all")
    assert [hit.rule_id for hit in evaluation.hits] == ["b", "a", "c"]
    behind = evaluation.behind("recommendation")
    assert behind is not None
    assert behind.id == "a"
    assert evaluation.behind("availability") is None


@pytest.mark.parametrize(("priority", "left"), [(99, "exclude_all"), (101, "allow")])
def test_a_rule_of_higher_priority_lifts_a_dimension(priority: int, left: str) -> None:
    evaluation = evaluate(
        features(),
        bundle(
            rule("out", actions={"recommendation": "exclude_all", "display": "ai_badge"}),
            rule("in", priority=priority, lifts=["recommendation"]),
        ),
    )
    assert evaluation.actions == Actions(display="ai_badge", recommendation=left)


def test_a_severe_consequence_is_pending_until_a_person_has_decided() -> None:
    policy = bundle(rule(actions=dict(SEVERE), **HUMAN))
    before = evaluate(features(), policy)
    assert before.actions == Actions.model_validate(PENDING)
    assert before.review is not None
    assert before.automation == "partially"
    assert before.hits[0].pending
    after = evaluate(features(REVIEWED), policy)
    assert after.actions == Actions.model_validate(SEVERE)
    assert after.review is None
    assert after.automation == "partially"
    assert not after.hits[0].pending


@pytest.mark.parametrize(
    ("result", "actions", "asks"),
    [
        ([], PENDING, True),
        (["fraud"], SEVERE, False),
        (["not_fraud"], PENDING, False),
        (["impersonation"], PENDING, True),
    ],
)
def test_a_finding_is_what_settles_a_rule_about_it(
    result: list[str], actions: dict[str, str], asks: bool
) -> None:
    policy = bundle(rule(actions=dict(SEVERE), finding="fraud", **HUMAN))
    # A person who settled the label has not settled fraud.
    evaluation = evaluate(features(REVIEWED | {"review.findings": result}), policy)
    assert evaluation.actions == Actions.model_validate(actions)
    assert (evaluation.review is not None) is asks


def test_a_licence_lifts_every_penalty_and_keeps_the_badge() -> None:
    policy = bundle(
        rule("badge", actions={"display": "ai_badge"}, public="It is AI."),
        rule("out", actions={"recommendation": "exclude_all"}, public="It is not recommended."),
        rule("held", actions={"availability": "hold"}, **HUMAN),
    )
    evaluation = evaluate(features({"label.licensed": True}), policy)
    assert evaluation.actions == Actions(display="ai_badge")
    assert evaluation.reasons_public == ("It is AI.",)
    assert evaluation.review is not None


def test_a_licence_for_a_tool_is_none_for_a_voice() -> None:
    policy = bundle(rule(actions={"availability": "hold"}, despite_licence=True, **HUMAN))
    evaluation = evaluate(features({"label.licensed": True}), policy)
    assert evaluation.actions.availability == "hold"


def test_interim_relief_leaves_the_badge() -> None:
    policy = bundle(rule(actions={"display": "ai_badge", "recommendation": "exclude_all"}))
    evaluation = evaluate(features({"review.interim_relief": True}), policy)
    assert evaluation.actions == Actions(display="ai_badge")


def test_the_most_urgent_review_names_the_queue() -> None:
    def asking(name: str, priority: int) -> dict[str, Any]:
        return rule(name, requires="human", review={"queue": name, "priority": priority})

    evaluation = evaluate(features(), bundle(asking("b", 5), asking("a", 50), asking("c", 50)))
    assert evaluation.review is not None
    assert (evaluation.review.queue, evaluation.review.priority) == ("a", 50)
    assert evaluation.review.reason_codes == ("R-A", "R-B", "R-C")


def test_restricted_means_more_than_a_badge() -> None:
    assert not restricted(Actions(display="ai_badge"))
    assert restricted(Actions(monetisation="hold"))


@pytest.mark.parametrize(
    ("on_missing", "display", "queue"),
    [("skip", "none", None), ("match", "ai_badge", None), ("review", "none", "severe")],
)
def test_a_missing_signal_is_said_and_does_what_the_rule_says(
    on_missing: str, display: str, queue: str | None
) -> None:
    asks = HUMAN if on_missing == "review" else {}
    policy = bundle(
        rule(when="ai.p_value < 0.01", on_missing=on_missing, actions={"display": "ai_badge"},
             **asks)
    )  # fmt: skip
    evaluation = evaluate(features({"ai.p_value": None}), policy)
    assert evaluation.actions.display == display
    assert evaluation.missing_signals == ("ai.p_value",)
    assert (evaluation.review and evaluation.review.queue) == queue
    assert "not known: ai.p_value" in evaluation.reasons_internal
    assert evaluate(features(), policy).missing_signals == ()


def test_what_does_not_hang_on_the_missing_signal_is_decided_without_it() -> None:
    policy = bundle(rule(when='label.extent == "None" && ai.p_value < 0.01'))
    evaluation = evaluate(features({"ai.p_value": None}), policy)
    assert (evaluation.hits, evaluation.missing_signals) == ((), ())
    policy = bundle(rule(when='label.extent == "All" || ai.p_value < 0.01'))
    evaluation = evaluate(features({"ai.p_value": None}), policy)
    assert [hit.rule_id for hit in evaluation.hits] == ["one"]
    # CEL would quietly say that nothing is not equal to something.
    policy = bundle(rule(when='delivery.distributor != "Acme"'))
    assert evaluate(features(), policy).missing_signals == ("delivery.distributor",)


def test_rules_on_trial_are_told_and_do_nothing() -> None:
    policy = bundle(
        rule("live", actions={"display": "partly_ai_badge"}),
        rule("trial", mode="shadow", actions={"display": "ai_badge"}, **HUMAN),
        rule("draft", mode="draft", actions={"recommendation": "exclude_all"}),
        rule("old", mode="retired", actions={"recommendation": "exclude_all"}),
    )
    evaluation = evaluate(features(), policy)
    assert evaluation.actions == Actions(display="partly_ai_badge")
    assert evaluation.review is None
    assert [hit.rule_id for hit in evaluation.hits] == ["live"]
    assert [(hit.rule_id, hit.mode) for hit in evaluation.shadow_hits] == [("trial", "shadow")]
    assert evaluation.would_be == Actions(display="ai_badge")
    assert evaluation.would_review


def test_an_override_changes_a_threshold_or_closes_a_rule() -> None:
    policy = bundle(
        rule(when="ai.p_value <= params.sure", actions={"display": "ai_badge"}),
        rule("two", actions={"recommendation": "exclude_all"}),
        params={"sure": 0.01},
        overrides=[
            {"id": "strict", "scope": {"distributors": ["Acme"]}, "params": {"sure": 0.001},
             "expires": "2027-01-01", "why": "an agreement"},
            {"id": "us", "scope": {"territories": ["US"]}, "off": ["two"],
             "expires": "2027-01-01", "why": "a law"},
        ],
    )  # fmt: skip
    assert evaluate(features(), policy).actions.display == "ai_badge"
    assert evaluate(features(), policy, overrides=("strict",)).actions.display == "none"
    assert evaluate(features(), policy, overrides=("us",)).actions.recommendation == "allow"


def test_a_rule_that_is_switched_off_does_nothing_and_is_named() -> None:
    policy = bundle(rule(actions={"display": "ai_badge"}))
    evaluation = evaluate(features(), policy, off=frozenset({"one", "unheard-of"}))
    assert (evaluation.actions, evaluation.hits, evaluation.switched_off) == (ALLOW, (), ("one",))


def test_what_has_run_out_no_longer_follows() -> None:
    policy = bundle(rule(actions={"availability": "hold"}, ends_after="72h", **HUMAN))
    assert evaluate(features(), policy, lapsed=frozenset({"one"})).actions == ALLOW


unhurried = hypothesis_settings(deadline=None, max_examples=25)  # machines are shared


@st.composite
def lonely(draw: st.DrawFn) -> dict[str, Value]:
    """A track with evidence of the detector only, in the order of precedence."""
    values = draw(snapshots())
    for name, feature in FEATURES.items():
        if feature.alone is not None:
            values[name] = draw(st.sampled_from(feature.alone))
    assert not beyond_the_detector(values)
    return values


@hypothesis_settings(deadline=None, max_examples=60)
@given(loadable_rules(), lonely(), st.text(max_size=3))
def test_no_policy_that_loads_punishes_on_a_score_alone(
    given_rules: list[dict[str, Any]], values: dict[str, Value], key: str
) -> None:
    evaluation = evaluate(values, bundle(*given_rules), key=key)
    for actions in (evaluation.actions, evaluation.would_be):
        for dimension, severe in SEVERE.items():
            assert getattr(actions, dimension) != severe
    for (
        consequence
    ) in evaluation.consequences:  # it did not load, rather than being softened afterwards
        assert consequence.rule.requires or not consequence.rule.severe


@unhurried
@given(loadable_rules(), snapshots())
def test_whatever_is_pending_is_looked_at(
    given_rules: list[dict[str, Any]], values: dict[str, Value]
) -> None:
    evaluation = evaluate(values, bundle(*given_rules))
    waits = [name for name, value in PENDING.items() if getattr(evaluation.actions, name) == value]
    if waits and not values["review.by_person"]:
        assert evaluation.review is not None


@unhurried
@given(loadable_rules(), snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_rules_changes_nothing(
    given_rules: list[dict[str, Any]], values: dict[str, Value], random: Any
) -> None:
    ordered = bundle(*given_rules)
    random.shuffle(given_rules)
    shuffled = bundle(*given_rules)
    assert evaluate(values, ordered, key="k") == evaluate(values, shuffled, key="k")
    assert ordered.digest == shuffled.digest


@unhurried
@given(loadable_rules(), snapshots())
def test_the_same_snapshot_and_digest_give_the_same_decision(
    given_rules: list[dict[str, Any]], values: dict[str, Value]
) -> None:
    again = snapshot({name: value for name, value in values.items() if value is not None} | {
        name: None for name, value in values.items() if value is None
    })  # fmt: skip
    written = bundle(*given_rules)
    reread = Bundle.model_validate_json(written.model_dump_json(exclude_none=True))
    assert reread.digest == written.digest
    assert evaluate(again, reread, key="k") == evaluate(values, written, key="k")


@unhurried
@given(loadable_rules(), snapshots())
def test_a_licensed_track_bears_no_penalty_but_where_a_rule_says_so(
    given_rules: list[dict[str, Any]], values: dict[str, Value]
) -> None:
    gentle = [one | {"despite_licence": False} for one in given_rules]
    evaluation = evaluate(values | {"label.licensed": True}, bundle(*gentle))
    assert not restricted(evaluation.actions)


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
