"""Sets of territories follow the rules of sets."""

from itertools import product

import pytest

from streams.services.ddex.territories import NOWHERE, WORLD, Places, without

EVERY = ("DE", "NO", "US", "elsewhere")
SETS = [Places(codes, rest) for codes in ((), ("DE",), ("DE", "NO"), ("NO", "US"))
        for rest in (False, True)]  # fmt: skip


def members(places: Places) -> set[str]:
    return {one for one in EVERY if (one in places.codes) != places.everywhere_else}


@pytest.mark.parametrize(("left", "right"), [*product(SETS, SETS)])
def test_unions_and_differences_are_those_of_sets(left: Places, right: Places) -> None:
    assert members(left | right) == members(left) | members(right)
    assert members(without(left, right)) == members(left) - members(right)


def test_territories_have_words_and_codes() -> None:
    assert [str(one) for one in (NOWHERE, WORLD, Places(("DE",)), ~Places(("DE", "NO")))] == [
        "nowhere", "everywhere", "DE", "everywhere but DE, NO",
    ]  # fmt: skip
    assert (~Places(("DE",))).as_codes() == (("Worldwide",), ("DE",))
    assert WORLD.as_codes() == (("Worldwide",), None)
