"""Figures of robustness on a model's card."""

from typing import Any

from models.evaluation.document import markdown
from models.evaluation.robustness_report import card_blocks


def cell(model: str, share: float) -> dict[str, Any]:
    figures = {"n": 2, "share": share, "interval": [0.0, share], "abstained": 0.0}
    return {
        "cell": "mp3-128", "model": model, "tpr": figures,
        "fpr": {"n": 0, "share": None, "interval": None},
    }  # fmt: skip


def test_a_card_has_the_rows_of_its_model_alone_beside_those_with_generators_known() -> None:
    models = ("own", "own, generators known", "other")
    cells = [cell(name, share) for name, share in zip(models, (0.5, 0.75, 0.25), strict=True)]
    negatives = [
        {"kind": "hats-120", "model": "own", "flagged": 0.1},
        {"kind": "hats-90", "model": "own", "flagged": 0.0},
        {"kind": "chips", "model": "other", "flagged": 1.0},
    ]
    figures: dict[str, Any] = {
        "data": {"ai": {"a": 2}, "human": {}}, "excerpt_s": 40.0, "alpha": 0.01,
        "human_scores": {"own": "left out"}, "cells": cells, "windows": [], "families": [],
        "negatives": negatives, "splices": {},
    }  # fmt: skip
    card = markdown(card_blocks(figures, "own"))
    assert "| mp3-128 | 2 | 50.0 % | [0.0, 50.0] | 75.0 % | 0 | - |  |" in card
    assert card.count("mp3-128") == 1
    assert "Flagged kinds: hats-120 10.0 %." in card
    assert "are left out among the human scores" in card
