"""Probabilities, outcomes and names, as they are counted."""

from collections import Counter
from dataclasses import replace

import pytest

from models.evaluation import measures
from models.training.detection_tables import p_values
from tests.support.evaluations import (
    decoded,
    population,
)


def test_probabilities_and_outcomes() -> None:
    figures = measures.probability_figures(population())
    assert figures["brier"] < 0.1
    assert figures["ece"] < 0.2
    assert sum(one["tracks"] for one in figures["bins"]) == len(decoded())
    many = population()
    outcomes = measures.outcomes(many, p_values(decoded()), 0.01)
    looped = replace(many, tracks=tuple(replace(track, looped=True) for track in many.tracks))
    nowhere = measures.outcomes(looped, p_values(decoded()), 0.01)
    assert (nowhere["ai"]["no_trace"], nowhere["human"]["no_trace"]) == (0, 0)
    for shares in outcomes.values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert outcomes["ai"]["suspected"] > 0.9
    assert outcomes["human"]["suspected"] <= 0.02


def test_names_are_judged_without_the_tracks_repository() -> None:
    figures = measures.attribution(decoded())
    assert figures["known"]["tracks"] == 36  # each generator stands in two repositories
    sharers = {"lines", "same lines", "lines again", "both"}
    assert figures["known"]["wrong"] > 0
    assert all(set(members) <= sharers for members in figures["families"])  # one decoder
    counted = measures.families(
        Counter({("a", "a"): 6, ("a", "b"): 4, ("c", "c"): 9, ("c", ""): 1})
    )
    assert counted == [["a", "b"]]
