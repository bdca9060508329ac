"""Observations made here: four generators, two of one decoder, and bands of musicians."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from detector.audio.spectra import BINS, LTAS_BANDS
from detector.evidence.clock import standard_lattice
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import AudioFacts
from models.learning.data import Track
from models.learning.observations import Observed
from models.training.scoring import Scored, score_all

GEOMETRY = Geometry(44_100)
FACTS = AudioFacts("wav", "pcm_s16le", 44_100, 2, 30.0, None, -14.0, -1.0, 0.0, 0)
FIRST_LINE = {"one": 11, "two": 11, "three": 47, "four": 83}  # two share a decoder


@lru_cache
def silence() -> Observation:
    observer = Observer(44_100)
    observer.feed(np.zeros(20 * 44_100, np.float32))
    return observer.finish()


def observed(label: str, maker: str, repository: str, seed: int) -> Observed:
    rng = np.random.default_rng(seed)
    shares = rng.random(BINS).astype(np.float32) * 0.05 + 0.05
    if label == "ai":
        lines = slice(FIRST_LINE[maker], None, 101)
        shares[lines] += 0.2 * rng.random(len(shares[lines]))
    clock = rng.standard_normal((3, GEOMETRY.bins)).astype(np.float32) - 1.5
    clock = np.minimum(clock, rng.standard_normal(GEOMETRY.bins).astype(np.float32))
    observation = replace(
        silence(),
        duration_s=20.0,
        clock=clock,
        groups=(True, True, True),
        shares=shares,
        share_frames=100,
        ltas=np.full((4, LTAS_BANDS), -40, np.float32),
        peaks=np.full(200, 0.5, np.float32),
    )
    track = Track(Path(f"{label}-{maker}-{seed}"), label, maker, repository, f"{seed:064d}")
    return Observed(track, FACTS, observation)


def relatives() -> list[Scored]:
    """Return five tracks of each generator, and thirty of each of four bands, as scored."""
    makers = [("one", "org/a"), ("two", "org/b"), ("three", "org/c"), ("four", "org/d")]
    recordings = [
        observed("ai", maker, repository, 10 * number + take)
        for number, (maker, repository) in enumerate(makers)
        for take in range(5)
    ]
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 100 + 40 * band + take)
        for band in range(4)
        for take in range(30)
    ]
    return score_all(recordings, standard_lattice())
