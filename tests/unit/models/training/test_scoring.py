"""Raw scores of recordings of several sample rates."""

from dataclasses import replace

import numpy as np

from detector.evidence.clock import standard_lattice
from detector.observation.observation import Observer
from models.learning.observations import Observed
from models.training.scoring import assessable, populations, score_all
from tests.support.makers import observed


def low_rate(seed: int) -> Observed:
    observer = Observer(16_000)
    observer.feed(np.random.default_rng(seed).normal(0, 0.1, 16_000 * 9).astype(np.float32))
    return replace(observed("human", "low", "org/low", seed), observation=observer.finish())


def test_scores_stand_in_the_order_of_the_recordings() -> None:
    ticking = observed("ai", "ticks", "org/ticks", 1, clock_hz=50.0)
    human = observed("human", "band", "org/band", 2)
    short = replace(human, observation=replace(human.observation, duration_s=3.0))
    recordings = [low_rate(3), ticking, low_rate(4), human, short]
    scored = score_all(recordings, standard_lattice())
    assert [one.observed for one in scored] == recordings
    assert scored[1].rate_hz == 50.0
    assert scored[1].score > 3 > scored[3].score
    assert [one.reason for one in scored[1::3]] == [None, "too_short"]
    full, low = populations(scored)
    assert (full.name, low.name) == ("full_rate", "low_rate")
    assert full.labels.tolist() == [True, False]  # the short one is left out
    assert len(low.tracks) == 2
    assert full.side(ai=True).tracks == (scored[1],)
    assert scored[4] not in assessable(scored, "all").tracks
