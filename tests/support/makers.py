"""Observations of made-up generators and bands, without any audio: lines where they belong."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from detector.audio.spectra import BINS, LTAS_BANDS
from detector.evidence.clock import allowed_bins, lattice_bins
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import AudioFacts
from models.learning.data import Track
from models.learning.observations import Observed

GEOMETRY = Geometry(44_100)


@lru_cache
def silence() -> Observation:
    observer = Observer(44_100)
    observer.feed(np.zeros(20 * 44_100, np.float32))
    return observer.finish()


def observed(
    label: str,
    maker: str,
    repository: str,
    seed: int,
    *,
    clock_hz: float | None = None,
    first_line: int | None = None,
    kbit: float = 192.0,
) -> Observed:
    """Return a track: with a clock at a rate, with spectral lines from a first bin on, or none."""
    rng = np.random.default_rng(seed)
    shares = rng.random(BINS).astype(np.float32) * 0.05 + 0.05
    if first_line is not None:
        lines = slice(first_line, None, 101)
        shares[lines] += 0.2 * rng.random(len(shares[lines]))
    clock = rng.standard_normal((3, GEOMETRY.bins)).astype(np.float32) - 1.5
    clock = np.minimum(clock, rng.standard_normal(GEOMETRY.bins).astype(np.float32))
    if clock_hz is not None:
        clock[:, lattice_bins(GEOMETRY, allowed_bins(GEOMETRY), clock_hz, 1)] += 2.5
    observation = replace(
        silence(),
        duration_s=20.0,
        clock=clock,
        groups=(True, True, True),
        shares=shares,
        share_frames=100,
        ltas=(rng.standard_normal((4, LTAS_BANDS)) - 40).astype(np.float32),
        peaks=np.full(200, 0.5, np.float32),
    )
    facts = AudioFacts(
        "mp3", "mp3", 44_100, 2, 20.0 + seed % 7, int(kbit * 1_000), -14.0 - seed % 5, -1.0, 0.0, 0
    )
    track = Track(Path(f"{label}-{maker}-{seed}"), label, maker, repository, f"{seed:064d}")
    return Observed(track, facts, observation)
