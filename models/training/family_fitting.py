"""Fits the families branch: a logistic model of generators' tracks against people's.

Each class weighs the same; in it, a generator or a human repository weighs as the root of its
number of recordings. Augmented versions of a recording share its weight. The fit is in the dual:
there are fewer recordings than bins.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from detector.evidence.families import Families, features
from detector.evidence.templates import FULL_RATE
from detector.types import BoolVector, FloatArray, FloatVector
from models.learning.observations import Observed

L2: Final = 0.003  # 0.003 and 0.01 find alike unseen; 0.003 keeps more of rare generators
MOST_STEPS: Final = 200
LEAST: Final = 10  # recordings of each class: fewer make no model


@dataclass(frozen=True)
class Examples:
    """What is learned from: features [n, 5530], labels, makers, groups and contents [n]."""

    values: FloatArray
    ai: BoolVector
    makers: NDArray[np.str_]
    groups: NDArray[np.str_]
    contents: NDArray[np.str_]

    @classmethod
    def of(cls, observed: Sequence[Observed]) -> "Examples":
        """Take the features of AI and human recordings."""
        tracks = [one.track for one in observed]
        return cls(
            np.stack([features(one.observation) for one in observed]),
            np.array([one.label == "ai" for one in tracks], bool),
            np.array([one.maker for one in tracks]),
            np.array([one.group for one in tracks]),
            np.array([one.sha256 for one in tracks]),
        )

    @property
    def products(self) -> FloatVector:
        """The products [n, n] of all pairs of features."""
        wide = self.values.astype(np.float64)
        return wide @ wide.T

    def weights(self, used: BoolVector) -> FloatVector:
        """Return the weight of each used recording: a half of 1 for each class."""
        index = np.flatnonzero(used)
        versions = Counter(self.contents[index].tolist())
        recordings = {
            group: len(set(self.contents[index][self.groups[index] == group].tolist()))
            for group in set(self.groups[index].tolist())
        }
        weights = np.array(
            [
                recordings[str(self.groups[at])] ** -0.5 / versions[str(self.contents[at])]
                for at in index
            ]
        )
        for label in (True, False):
            own = self.ai[index] == label
            weights[own] /= 2 * weights[own].sum()
        return weights


def fit(examples: Examples, products: FloatVector, used: BoolVector) -> Families | None:
    """Return the model of the recordings where ``used``; None where they are too few."""
    index = np.flatnonzero(used)
    if min((examples.ai[index]).sum(), (~examples.ai[index]).sum()) < LEAST:
        return None
    inner = products[np.ix_(index, index)]
    signs = np.where(examples.ai[index], 1.0, -1.0)
    weights = examples.weights(used)

    def loss(parameters: FloatVector) -> tuple[float, FloatVector]:
        duals, bias = parameters[:-1], parameters[-1]
        heights = inner @ duals
        margins = signs * (heights + bias)
        total = (weights * np.logaddexp(0, -margins)).sum() + L2 / 4 * duals @ heights
        slopes = -weights * signs * np.exp(-np.logaddexp(0, margins))
        return float(total), np.append(inner @ slopes + L2 / 2 * heights, slopes.sum())

    start = np.zeros(len(index) + 1)
    options = {"maxiter": MOST_STEPS}
    solved = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    vector = examples.values[index].astype(np.float64).T @ solved[:-1]
    # as stored: the null is of what is served
    return Families(
        vector.astype(np.float16).astype(np.float32), round(float(solved[-1]), 6), FULL_RATE
    )
