"""Out-of-fold scores as CSV."""

import csv
from pathlib import Path

import numpy as np

from detector.evidence.clock import Rate
from models.evaluation.held_out_scores import scores_csv
from models.training.scoring import Scored
from tests.support.makers import observed


def test_each_track_has_its_row_with_a_path_below_the_root() -> None:
    recordings = [observed("ai", 'a, "b"', "org/a", 1), observed("human", "band", "org/h", 2)]
    rate = Rate(50.0, 0.0, "")
    scored = [
        Scored(recordings[0], 6.5, 6.5, rate, False, None),
        Scored(recordings[1], 0.5, 0.5, rate, False, "silent"),
    ]
    text = scores_csv(scored, np.array([0.01, 1.0]), Path.cwd())
    first, second = csv.DictReader(text.splitlines())
    assert (first["path"], first["maker"]) == ('ai-a, "b"-1', 'a, "b"')
    assert (first["p_value"], first["score"], first["abstained"]) == ("0.01000", "6.5", "")
    assert (second["label"], second["abstained"]) == ("human", "silent")
    elsewhere = scores_csv(scored, np.array([0.01, 1.0]), Path("/nowhere"))
    assert next(csv.DictReader(elsewhere.splitlines()))["path"] == 'ai-a, "b"-1'
