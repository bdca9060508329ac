"""Probabilities, outcomes and names, as they are counted."""

from collections import Counter

import numpy as np
import pytest

from models.evaluation import measures
from models.training.detection_tables import p_values
from tests.support.evaluations import (
    heard,
    population,
)


def test_probabilities_and_outcomes() -> None:
    figures = measures.probability_figures(population())
    assert figures["brier"] < 0.1
    assert figures["ece"] < 0.2
    assert sum(one["tracks"] for one in figures["bins"]) == len(heard())
    many = population()
    everywhere = np.ones(len(many.tracks), bool)
    outcomes = measures.outcomes(many, p_values(heard()), 0.01, everywhere)
    nowhere = measures.outcomes(many, p_values(heard()), 0.01, ~everywhere)
    assert nowhere["human"]["human_likely"] == 0
    for shares in outcomes.values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert outcomes["ai"]["ai_likely"] > 0.9
    assert outcomes["human"]["ai_likely"] <= 0.02


def test_names_are_judged_without_the_tracks_repository() -> None:
    figures = measures.attribution(heard())
    assert figures["known"]["tracks"] == 36  # each generator stands in two repositories
    sharers = {"lines", "same lines", "lines again", "both"}
    assert figures["known"]["wrong"] > 0
    assert all(set(members) <= sharers for members in figures["families"])  # one decoder
    counted = measures.families(
        Counter({("a", "a"): 6, ("a", "b"): 4, ("c", "c"): 9, ("c", ""): 1})
    )
    assert counted == [["a", "b"]]
