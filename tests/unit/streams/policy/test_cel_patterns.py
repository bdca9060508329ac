"""Regular expressions as the CEL library evaluates them."""

import pytest

from streams.policy.cel_patterns import finds


def test_a_pattern_finds_anywhere_unless_it_is_anchored() -> None:
    assert finds("had.", "Shady Music")
    assert not finds("^had.", "Shady Music")
    assert not finds("(a+)+$", "a" * 5_000 + "b"), "in linear time"


@pytest.mark.parametrize("pattern", ["(", "(?=a)b"])
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    with pytest.raises(ValueError, match="no regular expression: "):
        finds(pattern, "a")
