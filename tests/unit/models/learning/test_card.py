"""The card of a model states what its manifest holds."""

from typing import Any

import orjson
import pytest

from detector.assessment.model import MANIFEST
from models.learning.card import write_card
from tests.support.paths import MODELS


def described(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = orjson.loads((MODELS / name / MANIFEST).read_bytes())
    return manifest


@pytest.mark.parametrize("name", ["clock-5", "ensemble-5"])
def test_every_generator_and_every_population_is_on_the_card(name: str) -> None:
    description = described(name)
    card = write_card(description)
    assert card.startswith(f"# {description['name']} {description['version']}\n")
    for population, row in description["calibration"].items():
        assert f"- {population}: {row['performances']} performances" in card
    for population, row in description["figures"].items():
        assert f"### {population} ({row['ai']} AI, {row['human']} human)" in card
        for maker, figures in (row["generators"] | row["human_sources"]).items():
            assert f"| {maker} | {figures['tracks']} |" in card


def test_a_model_of_the_clock_alone_claims_no_templates_and_no_search_of_speed() -> None:
    clock, ensemble = write_card(described("clock-5")), write_card(described("ensemble-5"))
    assert "Templates: the fixed lines" in ensemble
    assert "searched for from -10 to +10 %" in ensemble
    assert "Templates: the fixed lines" not in clock
    assert "searched for from -10 to +10 %" not in clock


def test_gates_are_on_the_card_only_after_a_release() -> None:
    description = described("clock-5")
    assert "Before release:" in write_card(description)
    del description["release"]
    assert "Before release:" not in write_card(description)
