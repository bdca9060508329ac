"""What the pictures of the reports show."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from models.evaluation import plots


def bars(axes: Axes) -> list[tuple[float, float]]:
    """Return where each bar begins, and its width."""
    drawn = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return [(bar.get_x(), bar.get_width()) for bar in drawn]


def test_the_curve_starts_at_the_least_rate_that_is_known() -> None:
    subset = {
        "human": 200,
        "curves": {"fpr": [0.0, 0.005, 0.1, 1.0], "tpr": [0.2, 0.4, 0.9, 1.0]},
        "baselines": {
            "this model": {
                "tpr_at_0.01": 0.4, "tpr_at_0.01_interval": [0.3, 0.5],
                "tpr_at_0.05": 0.6, "tpr_at_0.05_interval": [0.5, 0.7],
            }
        },
    }  # fmt: skip
    (axes,) = plots.curve(subset).axes
    assert axes.get_xlim() == pytest.approx((0.005, 1))
    assert "200" in axes.get_xlabel()
    lines = [np.array(line.get_data()).tolist() for line in axes.lines]
    assert [[0.01, 0.01], [0.3, 0.5]] in lines


def test_each_maker_has_its_bars_and_its_number_of_tracks() -> None:
    rows = {
        "one": {"tracks": 3, "flagged_at_5": 1.0, "flagged_at_1": 0.5},
        "two": {"tracks": 7, "flagged_at_5": 0.25, "flagged_at_1": 0.0},
    }
    (axes,) = plots.makers(rows, ai=True).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one (3)", "two (7)"]
    assert bars(axes) == [(0, 1.0), (0, 0.25), (0, 0.5), (0, 0.0)]
