"""Policies that name outcomes by the words of the release before."""

import pytest

from streams.contract.vocabulary import Outcome
from streams.policy.conditions import Condition
from streams.policy.evaluate import evaluate
from streams.policy.features import snapshot
from streams.policy.former_outcomes import hints
from tests.support.policies import bundle, features, rule


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('ai.outcome == "ai_likely"', {"identified", "suspected"}),
        ('"ai_likely" == ai.outcome', {"identified", "suspected"}),
        ('ai.outcome != "ai_likely"', {"no_trace", "uncertain", "not_assessable"}),
        ('ai.outcome in ["ai_likely", "uncertain"]', {"identified", "suspected", "uncertain"}),
        ('ai.outcome == "human_likely"', {"no_trace"}),
        ('!(ai.outcome == "human_likely") && true', set(Outcome) - {"no_trace"}),
        ("ai.outcome == params.what", {"identified", "suspected"}),
        ('ai.outcome == "suspected"', {"suspected"}),
    ],
)
def test_a_former_word_stands_for_those_of_today(when: str, holds: set[str]) -> None:
    condition = Condition(when, {"what": "ai_likely"})
    assert {one for one in Outcome if condition.holds(features({"ai.outcome": one}))} == holds


def test_the_words_of_a_release_before_are_hinted_at() -> None:
    old = bundle(
        rule(when='ai.outcome == "ai_likely" || ai.outcome == "human_likely"'),
        rule("two", when='ai.outcome == "suspected"'),
        rule("three", when="ai.outcome == params.what"),
        params={"what": "human_likely", "other": 0.5},
    )
    first, second, third = hints(old)
    assert first.startswith('rule one: "ai_likely" is of an earlier release')
    assert first.endswith('write "identified" or "suspected"')
    assert second.endswith('write "no_trace"')
    assert third.startswith('params: "human_likely"')


def test_a_snapshot_of_a_release_before_replays() -> None:
    values = snapshot({"ai.outcome": "ai_likely", "label.extent": "All"})
    assert values["ai.outcome"] == "suspected"
    old = bundle(rule(when='ai.outcome == "ai_likely"', actions={"display": "ai_badge"}))
    assert evaluate(values, old, key=None).actions.display == "ai_badge"
