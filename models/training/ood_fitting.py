"""Fitting what recordings look like (``detector.calibration.ood``), and how far out is too far.

Each track's distance is taken by a fit without its maker, as a new track's is; the bound is
conformal: farther than all but ``SHARE`` of them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.calibration.ood import Likeness, features
from models.training.scoring import Scored

SHARE: Final = 0.01
SHRINKAGE: Final = 0.1  # of the covariance towards its diagonal
LEAST_VARIANCE: Final = 1e-3


def fit(tracks: Sequence[Scored]) -> Likeness | None:
    """Return the out-of-distribution measure of assessable tracks; None with too few."""
    if len(tracks) < 2 / SHARE:
        return None
    vectors = np.stack([features(one.observed.observation) for one in tracks])
    makers = np.array([one.group for one in tracks])
    away = np.zeros(len(vectors))
    for maker in sorted(set(makers.tolist())):
        own = makers == maker
        if (~own).any():
            without = _around(vectors[~own], 0.0)
            away[own] = [without.distance(one) for one in vectors[own]]
    allowed = int(SHARE * (len(vectors) + 1))
    return _around(vectors, float(np.sort(away)[-allowed]))


def _around(vectors: NDArray[np.float64], farthest: float) -> Likeness:
    centre = np.median(vectors, axis=0)
    away = vectors - centre
    covariance = away.T @ away / len(vectors)
    diagonal = np.diag(np.diag(covariance))
    mixed = (1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal
    inverse = np.linalg.inv(mixed + LEAST_VARIANCE * np.identity(len(centre))).astype(np.float64)
    return Likeness(centre.round(6), inverse.round(6), round(farthest, 4))


def manifest_of(likeness: Likeness | None) -> dict[str, Any]:
    """Return its part of a model's manifest; empty without it."""
    if likeness is None:
        return {}
    return {
        "likeness": {
            "centre": likeness.centre.tolist(),
            "inverse": likeness.inverse.tolist(),
            "farthest": likeness.farthest,
            "share": SHARE,
        }
    }
