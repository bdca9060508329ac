"""Outcomes on a manifest's files, as they are counted."""

from dataclasses import replace

import numpy as np

from detector.assessment.model import Model
from models.evaluation.outcomes_report import HEAD, outcome_counts, outcome_rows
from models.learning.observations import Observed
from tests.support.makers import observed
from tests.support.paths import MODELS


def short(track: Observed) -> Observed:
    return replace(track, observation=replace(track.observation, duration_s=3.0))


def test_outcomes_are_counted_by_label_and_suspects_apart() -> None:
    human = [observed("human", "band", "org/band", seed) for seed in range(2)]
    suspect = observed("human", "GTSinger-GT", "org/singer", 3)
    silent = observed("ai", "maker", "org/maker", 4)
    silent = replace(
        silent,
        observation=replace(silent.observation, peaks=np.zeros(200, np.float32)),
    )
    labels = outcome_counts(
        [human[0], short(human[1]), suspect, silent], Model.load(MODELS / "clock-5"), 0.01
    )
    assert list(labels) == ["ai", "human", "suspect"]
    assert {label: row["files"] for label, row in labels.items()} == {
        "ai": 1, "human": 2, "suspect": 1,
    }  # fmt: skip
    assert labels["ai"]["reasons"] == {"silent": 1}
    assert labels["human"]["reasons"].get("too_short") == 1
    for row in labels.values():
        assert sum(row["outcomes"].values()) == row["files"]


def test_rows_are_shares_in_the_order_of_the_head() -> None:
    outcomes = {"identified": 1, "suspected": 2, "uncertain": 0, "no_trace": 0, "not_assessable": 1}
    row = {"files": 4, "outcomes": outcomes, "reasons": {"silent": 1}}
    (cells,) = outcome_rows({"suspect": row})
    assert len(cells) == 1 + len(HEAD)
    assert cells == [
        "listed as human, suspect", "4", "25.0 %", "50.0 %", "0.0 %", "0.0 %", "25.0 %", "silent 1",
    ]  # fmt: skip
