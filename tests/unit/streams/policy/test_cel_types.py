"""Types of conditions."""

import pytest

from streams.policy import cel_types
from streams.policy.cel_syntax import CelSyntaxError, parse
from tests.support.policy_texts import GOOD, WHEN, refusal


@pytest.mark.parametrize("pattern", ["(?=a)b", "(", "a{1001}{1001}"])
@pytest.mark.parametrize("by_parameter", [False, True])
def test_what_the_library_cannot_find_is_refused_before_any_track_comes(
    pattern: str, by_parameter: bool
) -> None:
    written = "params.who" if by_parameter else f'"{pattern}"'
    text = GOOD.replace(WHEN, f"'delivery.distributor.matches({written})'")
    error = refusal(text.replace("sure: 0.01", f"sure: 0.01, who: '{pattern}'"))
    assert "rules.0.when: no regular expression: " in error


def test_a_regular_expression_is_no_feature() -> None:
    text = GOOD.replace(WHEN, "'delivery.distributor.matches(label.source)'")
    assert "a regular expression is written out, or a parameter" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        *("label.licensed == null", "ai.p_value > 'a'", "[1] == [1]", "label.components == ['a']"),
        *("'a' in label.extent", "1 in label.components", "size(1) > 0", "!label.extent"),
        *("true ? 1 : 'a'", "label.extent in []", "'drums' in label.components"),
    ],
)
def test_what_makes_no_sense_has_a_place(text: str) -> None:
    tree = parse(text)
    with pytest.raises(CelSyntaxError) as caught:
        cel_types.check(tree, {})
    assert 0 <= caught.value.at <= len(text)
    assert caught.value.message
