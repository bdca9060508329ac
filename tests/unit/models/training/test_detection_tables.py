"""P-values with the maker left out, and shares of each maker."""

import numpy as np
import pytest

from detector.evidence.clock import Rate
from models.training.detection_tables import by_maker, p_values, realised_fpr
from models.training.scoring import Scored
from tests.support.makers import observed


def scored(label: str, maker: str, score: float, seed: int, reason: str | None = None) -> Scored:
    recording = observed(label, maker, f"org/{maker}", seed)
    return Scored(recording, score, score, Rate(50.0, 0.0, ""), False, reason)


def members() -> list[Scored]:
    """Two bands of nine tracks, one of which is louder than all; one generator between."""
    rows = [scored("human", "soft", index / 10, index) for index in range(9)]
    rows += [scored("human", "loud", 5 + index, 20 + index) for index in range(9)]
    rows.append(scored("ai", "maker", 4.0, 40))
    return [*rows, scored("ai", "maker", 9.0, 41, "too_short")]


def test_a_band_is_compared_with_others_and_a_generator_with_all() -> None:
    p = p_values(members())
    assert p[18] == pytest.approx(10 / 19)  # nine of eighteen are as high
    assert p[19] == 1  # abstained
    assert p[9:18] == pytest.approx([1 / 10] * 9)  # none of the other band is as high
    assert p[:9] == pytest.approx([1] * 9)
    assert realised_fpr(members(), p, 0.1) == 0.5


def test_an_abstention_counts_as_passed() -> None:
    table = by_maker(members(), np.array([1.0] * 18 + [0.01, 1.0]), ai=True)
    row = table["maker"]
    assert (row["tracks"], row["abstained"]) == (2, 1)
    assert (row["flagged_at_1"], row["flagged_at_5"], row["median_score"]) == (0.5, 0.5, 6.5)
