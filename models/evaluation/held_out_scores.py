"""Human scores of other repositories: a released model has met the recordings it was calibrated on.

A human excerpt that is delivered again would be compared with itself and its neighbours
among the calibration recordings. So where ``earmark evaluate`` has written the out-of-fold
scores of the same model, an excerpt is judged against the other repositories' alone.
"""

import csv
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from detector.assessment.model import Model
from detector.types import Assessment

FLAGGED = "ai_likely"


@dataclass(frozen=True)
class HeldOutScores:
    """Out-of-fold (score, weight) of human recordings by population and repository."""

    scores: dict[str, dict[str, list[tuple[float, float]]]]

    @classmethod
    def read(cls, report: Path, model: Model) -> "HeldOutScores | None":
        """Return them from a report about this very model; None where there is none."""
        figures, scores = report / "evaluation.json", report / "humans.csv"
        if not figures.is_file() or not scores.is_file():
            return None
        if orjson.loads(figures.read_bytes())["model"]["digest"] != model.digest:
            return None
        rows: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        with scores.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                pair = float(row["score"]), float(row["weight"])
                rows[row["population"]][row["repository"]].append(pair)
        return cls({name: dict(by_repository) for name, by_repository in rows.items()})

    def outcome(
        self, answer: Assessment, population_name: str, repositories: Collection[str], alpha: float
    ) -> str:
        """Return the outcome with the human scores of ``repositories`` left out.

        An answer that is no longer flagged becomes uncertain.
        """
        if answer.score is None:
            return answer.outcome
        held_out = np.array(
            [
                pair
                for repository, pairs in self.scores.get(population_name, {}).items()
                if repository not in repositories
                for pair in pairs
            ]
        ).reshape(-1, 2)
        above = held_out[held_out[:, 0] >= answer.score, 1].sum()
        p_value = (1 + above) / (held_out[:, 1].sum() + 1)
        if p_value <= alpha:
            return FLAGGED
        return "uncertain" if answer.outcome == FLAGGED else answer.outcome
