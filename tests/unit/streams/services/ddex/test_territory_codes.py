"""Codes of territories: of two letters, of parts of countries, numbers."""

import pytest

from streams.services.ddex.territories import WORLD, Places
from streams.services.ddex.territory_codes import COUNTRIES, places_of


@pytest.mark.parametrize(
    ("code", "places", "is_exact"),
    [
        ("DE", Places(("DE",)), True),
        ("4", Places(("AF",)), True),
        ("004", Places(("AF",)), True),
        ("894", Places(("ZM",)), True),
        ("2136", WORLD, True),
        ("Worldwide", WORLD, True),
        ("GB-SCT", Places(("GB",)), False),
        ("2130", WORLD, False),
        ("0", WORLD, False),
        ("\u0662\u0667\u0666", WORLD, False),
        ("9" * 5_000, WORLD, False),
        ("de", WORLD, False),
    ],
)
def test_a_code_names_places(code: str, places: Places, is_exact: bool) -> None:
    assert places_of(code) == (places, is_exact)


def test_no_country_is_there_twice() -> None:
    assert len(COUNTRIES) == len(set(COUNTRIES.values())) == 249
