"""What is no condition is refused with its place."""

import pytest

from streams.policy.cel_syntax import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TREE_DEPTH,
    CelSyntaxError,
    parse,
)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 +", "(label.licensed", "label.licensed)", "label.licensed label.licensed"),
        *(
            "label.licensed & true",
            "label..licensed",
            "label.licensed ? true",
            "[1,",
            "'a",
            '"a\\q"',
        ),
        *("label.components[0] == 'a'", "exists(x)", "label.extent.upper() == 'A'", "1 % 2 == 0"),
        "(" * (MAX_DEPTH + 1) + "true" + ")" * (MAX_DEPTH + 1),
        "!" * (MAX_DEPTH + 1) + "true",
        " && ".join(["true"] * (MAX_TREE_DEPTH + 1)),
        "1" + " + 1" * 900 + " == 1",
        "true" + " " * MAX_LENGTH,
    ],
)
def test_what_is_refused_has_a_place(text: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        parse(text)
    assert 0 <= caught.value.at <= len(text)
    assert caught.value.message
