"""Whether a condition can hold, and where only the detector finds AI."""

import pytest

from streams.policy.bundle import parse
from streams.policy.cel_syntax import names
from streams.policy.conditions import Condition
from streams.policy.satisfiability import reachable
from streams.policy.schema import FEATURES
from tests.support.policy_texts import GOOD, WHEN, refusal


@pytest.mark.parametrize("when", ["delivery.distributor == params.who",
                                  "delivery.distributor.matches(params.who)",
                                  "params.who in declared.tools"])  # fmt: skip
def test_a_word_may_stand_in_a_parameter(when: str) -> None:
    text = GOOD.replace(WHEN, f"'{when}'").replace("sure: 0.01", "who: shady")
    parse(text, "p")
    if "tools" not in when:
        assert "single detector score" in refusal(
            text.replace("display: ai_badge", "profile: detach")
        )


@pytest.mark.parametrize("name", ["^Shady", "Shady.*$", "[A-Z]{3}-[0-9]+"])
def test_a_regular_expression_may_hold(name: str) -> None:
    parse(GOOD.replace(WHEN, f"delivery.distributor.matches('{name}')"), "p")
    text = GOOD.replace(WHEN, f"delivery.distributor.matches('{name}') && label.extent == 'All'")
    assert "single detector score" in refusal(text.replace("display: ai_badge", "profile: detach"))


def test_very_many_features_are_taken_apart_and_never_wrongly_dead() -> None:
    text = " && ".join(f"({name} == '{FEATURES[name].values[0]}' || audio.duration_s > 1)"
                       for name in FEATURES if FEATURES[name].values
                       and FEATURES[name].kind == "text")  # fmt: skip
    condition = Condition(text, {})
    assert len(names(condition.tree)) > 10
    assert reachable(condition, None)
