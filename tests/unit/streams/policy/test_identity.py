"""The same recording under another identity, and what is no difference."""

import pytest

from streams.policy.identity import Differences, Identity, differences, folded, names


@pytest.mark.parametrize(
    ("first", "second", "other"),
    [
        (("Nova",), ("NÓVA",), False),
        (("Nova feat. Ari",), ("Nova",), False),
        (("Nova & Ari",), ("Ari", "Zed"), False),
        (("The Boats",), ("boats",), False),
        (("Beyoncé",), ("Beyonce",), False),
        (("Earth, Wind & Fire",), ("Earth Wind and Fire",), False),
        (("Simon & Garfunkel",), ("Simon and Garfunkel",), False),
        (("Nova",), ("Zed",), True),
        (("Nova",), (), False),
        (("Nova",), ("...",), False),
        (("坂本龍一",), ("細野晴臣",), True),
    ],
)
def test_artists_are_others_where_no_name_is_shared(
    first: tuple[str, ...], second: tuple[str, ...], other: bool
) -> None:
    assert differences(Identity(first), Identity(second)).artist is other
    assert differences(Identity(second), Identity(first)).artist is other


def test_isrc_and_deliverer_differ_where_both_are_stated() -> None:
    first = Identity(isrc="DEA123400001", deliverer="PADPIDA1")
    assert differences(first, Identity()) == Differences()
    assert differences(first, Identity(isrc="dea-1234-00001")) == Differences(isrc=True)
    same = Identity(isrc="DEA123400001", deliverer="padpida1")
    assert not differences(first, same)
    other = differences(first, Identity(isrc="DEA123400002", deliverer="PADPIDA2"))
    assert other == Differences(isrc=True) | Differences(deliverer=True)


def test_names_are_folded() -> None:
    assert folded("  The  Ænima_2! ") == "ænima 2"
    assert names(["A x B", "C (with D)"]) == {"a x b", "a", "b", "c with d", "c", "d"}
