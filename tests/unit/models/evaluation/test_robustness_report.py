"""Figures of robustness on a model's card."""

from typing import Any

from models.evaluation.document import markdown
from models.evaluation.robustness_report import blocks


def of_model(share: float) -> dict[str, Any]:
    tpr = {"n": 2, "share": share, "interval": [0.0, share], "abstained": 0.0}
    none = {"n": 0, "share": None, "interval": None}
    return {
        "human_scores": "left out", "windows": [], "families": [], "splices": [],
        "cells": [{"cell": "mp3-128", "tpr": tpr, "fpr": none, "known": 0.75}],
        "negatives": {"hats-120": {"flagged": 0.1}, "hats-90": {"flagged": 0.0}},
    }  # fmt: skip


def test_a_card_has_the_rows_of_its_model_alone_beside_those_with_generators_known() -> None:
    figures: dict[str, Any] = {
        "data": {"ai": {"a": 2}, "human": {}}, "excerpt_s": 40.0, "alpha": 0.01,
        "models": {"own": of_model(0.5), "other": of_model(0.25)},
    }  # fmt: skip
    card = markdown(blocks(figures, "own"))
    assert "| mp3-128 | 2 | 50.0 % | [0.0, 50.0] | 75.0 % | 0 | - |  |" in card
    assert card.count("mp3-128") == 1
    assert "Flagged kinds: hats-120 10.0 %." in card
    assert "are left out among the human scores" in card
