"""The evaluation on made-up makers: one generator with a clock, two relatives with lines."""

from pathlib import Path

import numpy as np
import pytest

from detector.errors import BadInput
from models.evaluation import evaluate
from models.training.metrics import auroc
from models.training.scoring import Population, Scored
from tests.support.evaluations import decoded, figures, model, population


def test_each_branch_finds_what_the_other_misses() -> None:
    """Removing a branch fails this."""
    rows = figures()["baselines"]
    assert rows["this model"]["tpr_at_0.01"] == 1
    assert rows["clock alone"]["tpr_at_0.01"] < 0.6  # those with lines only are missed
    assert rows["templates alone"]["tpr_at_0.01"] < 0.8  # those with a clock only are missed
    generators = figures()["generators"]
    assert {row["flagged_at_5"] for row in generators.values()} == {1.0}


def test_simple_rules_are_at_chance_where_there_is_nothing_to_know() -> None:
    rows = figures()["baselines"]
    for name in ("bit rate", "mean spectrum", "fakeprint"):
        assert rows[name]["tpr_at_0.01"] < 0.3, name
        assert rows[name]["auroc"] < 0.75, name
    assert not figures()["confounds"]["confounded"]
    assert figures()["permuted_auroc"] == pytest.approx(0.5, abs=0.12)


def test_shuffled_labels_are_seen() -> None:
    """Labels dealt out at random between makers leave nothing of the figures."""
    names = sorted({one.group for one in decoded()})
    rng = np.random.default_rng(3)
    dealt = dict(zip(names, rng.permutation([True] * 6 + [False] * (len(names) - 6)), strict=True))
    ai = np.array([one.score for one in decoded() if dealt[one.group]])
    human = np.array([one.score for one in decoded() if not dealt[one.group]])
    assert auroc(ai, human) < 0.9 < figures()["auroc"]


def test_swapped_classes_are_refused() -> None:
    swapped = Population("full_rate", population().tracks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scored, "is_ai", property(lambda one: one.observed.track.label == "human"))
        with pytest.raises(BadInput, match="labels swapped"):
            evaluate.subset_figures(decoded(), swapped, model(), Path("unused"), 1)
