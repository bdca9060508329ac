"""The breaker: rules that match too often."""

from typing import Any

import pytest

from streams.contract.records import Outcome
from streams.contract.records.policy import PolicyChanged
from streams.policy.decide import decide
from streams.runtime import metrics
from streams.services.policies import breaker as breaker_module
from streams.services.policies.breaker import BASELINE, WINDOW, Breaker
from tests.support.events import classified
from tests.support.policies import bundle, rule
from tests.support.publishing_helpers import NOW, OUT


@pytest.mark.parametrize("territories", [(), ("DE",)])
def test_a_rule_that_jumps_is_switched_off_once(territories: tuple[str, ...]) -> None:
    policy = bundle(rule(actions={"recommendation": "exclude_all"}, territories=territories))
    hit, miss = (decide(classified(outcome, p_value=0.5), policy)
                 for outcome in (Outcome.IDENTIFIED, Outcome.NO_TRACE))  # fmt: skip
    breaker = Breaker()
    moved = metrics.RULES_TRIPPED.labels("one")._value
    before = moved.get()
    messages: list[PolicyChanged] = []
    for number in range(BASELINE + WINDOW):  # one in fifty, as ever
        messages += breaker.saw(hit if number % 50 == 0 else miss, policy, "", NOW)
    assert messages == []
    for number in range(WINDOW):
        messages += breaker.saw(hit if number % 3 == 0 else miss, policy, "", NOW)
    (tripped,) = messages
    assert (tripped.state, tripped.rule_id, tripped.changed_by) == ("tripped", "one", "breaker")
    assert "of the last 200 decisions" in tripped.why
    assert moved.get() == before + 1, "the alert EarmarkRuleTripped is made of this"


@pytest.mark.parametrize(
    "changed",
    [{"actions": {"display": "ai_badge"}}, {"mode": "shadow", **OUT}],
)
def test_badges_and_trials_are_never_tripped(changed: dict[str, Any]) -> None:
    policy = bundle(rule(**changed))
    hit, miss = (decide(classified(outcome, p_value=0.5), policy)
                 for outcome in (Outcome.IDENTIFIED, Outcome.NO_TRACE))  # fmt: skip
    breaker = Breaker()
    for _ in range(BASELINE + WINDOW):
        assert breaker.saw(miss, policy, "", NOW) == []
    for _ in range(breaker_module.WINDOW):
        assert breaker.saw(hit, policy, "", NOW) == []


@pytest.mark.parametrize(
    ("hits_of", "tripped"), [(("A",), False), (("A", "B", "C", "D"), True)], ids=["one", "several"]
)
def test_one_distributor_disables_no_rule_for_the_others(
    hits_of: tuple[str, ...], tripped: bool
) -> None:
    """Sixteen uploads with claimed metadata did, and a removed recording could come back."""
    policy = bundle(rule(actions={"recommendation": "exclude_all"}))
    hit, miss = (decide(classified(outcome, p_value=0.5), policy)
                 for outcome in (Outcome.IDENTIFIED, Outcome.NO_TRACE))  # fmt: skip
    breaker = Breaker()
    for number in range(BASELINE + WINDOW):
        breaker.saw(miss, policy, "ABCD"[number % 4], NOW)
    changes: list[PolicyChanged] = []
    for number in range(WINDOW):
        changes += breaker.saw(hit, policy, hits_of[number % len(hits_of)], NOW)
        changes += breaker.saw(miss, policy, "ABCD"[number % 4], NOW)
    assert bool(changes) == tripped
