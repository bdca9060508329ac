"""Recordings that are out of distribution."""

from dataclasses import replace

import numpy as np

from detector.evidence.clock import standard_lattice
from models.training import ood_fitting
from models.training.scoring import score_all
from tests.support.makers import observed


def test_what_is_unlike_all_that_was_learned_from_is_told_apart() -> None:
    recordings = [
        observed("human", f"band {band}", f"org/{band}", 100 * band + take)
        for band in range(10)
        for take in range(30)
    ]
    scored = score_all(recordings, standard_lattice())
    known = ood_fitting.fit(scored)
    assert known is not None
    unlike = [known.is_out_of_distribution(one.observation) for one in recordings]
    assert np.mean(unlike) <= 0.02
    like = recordings[0].observation
    tilted = replace(like, ltas=like.ltas - 3 * np.arange(like.ltas.shape[1], dtype=np.float32))
    tone = replace(like, shares=np.where(np.arange(len(like.shares)) % 50, 0, 1).astype("f4"))
    assert known.is_out_of_distribution(tilted)
    assert known.is_out_of_distribution(tone)
    assert ood_fitting.fit(scored[:100]) is None  # too few tracks for one in a hundred
