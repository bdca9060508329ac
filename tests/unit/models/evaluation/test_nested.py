"""Constants and rates are chosen on one half of the makers, and judged on the other."""

from collections import Counter

import numpy as np
import pytest

from models.evaluation import nested
from models.evaluation.nested import Constants, measured
from models.training.scoring import Population
from models.training.template_fitting import MIN_TRACKS
from tests.support.evaluations import (
    LATTICE,
    decoded,
    halved,
    population,
    unseen,
)


def test_the_constants_measured_apart_give_the_released_scores() -> None:
    lines = measured(decoded(), LATTICE)
    plausible = np.array([rate.penalty == 0 for rate in LATTICE.rates])
    scores = lines.scores(Constants(), plausible)
    assert scores.max(axis=1) == pytest.approx([one.clock for one in decoded()], abs=1e-3)
    other = lines.scores(Constants(contrast=1.0, penalty=2.0), plausible)
    assert np.abs(other - scores).max() > 0.5


def test_halves_keep_everything_that_belongs_together() -> None:
    for seed in range(4):
        first = nested.halves(decoded(), seed)
        for key in ("maker", "group"):
            sides: dict[str, set[bool]] = {}
            for track, side in zip(decoded(), first, strict=True):
                sides.setdefault(getattr(track, key), set()).add(bool(side))
            assert all(len(side) == 1 for side in sides.values())
        for ai in (True, False):
            own = first[[track.is_ai is ai for track in decoded()]]
            assert 0.3 < own.mean() < 0.7


def test_nested_figures_judge_only_strangers() -> None:
    rows = halved()
    assert len(rows) == 2
    for row in rows:
        for label in ("ai", "human"):
            assert not set(row["chosen_on"][label]) & set(row["judged"][label])
        assert row["fused"]["auroc"] > 0.9
        assert 0 <= row["fused"]["frozen_0.05_fpr"] < 0.3
    chosen = {hz for row in rows for hz in row["plausible_hz"]}
    assert chosen <= {50.0, 43.0664, 25.0}  # nothing but what the half's generators run on


def test_halves_of_which_no_template_can_be_made_are_passed_over() -> None:
    counts: Counter[str] = Counter()
    few = []
    for track in population().tracks:
        counts[track.group] += track.is_ai
        if counts[track.group] < MIN_TRACKS:
            few.append(track)
    assert nested.nested(Population("full_rate", tuple(few)), LATTICE, range(1)) == []


def test_with_the_decoder_unknown_its_relatives_are_no_help() -> None:
    rows = unseen()["generators"]
    assert set(rows["lines"]["templates_taken"]) == {"same lines", "lines again", "both"}
    assert rows["ticks"]["templates_taken"] == []
    assert rows["ticks"]["rates_hz"] == [50.0]
    assert rows["ticks"]["listed"]["tpr_at_0.01"] == 1  # at a price the clock is still seen
    assert rows["lines"]["listed"]["tpr_at_0.01"] < 0.7  # with lines alone it hardly is
    assert rows["ticks"]["unlisted"]["auroc"] <= rows["ticks"]["listed"]["auroc"]
