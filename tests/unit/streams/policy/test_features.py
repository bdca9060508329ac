"""Snapshots of the schema."""

import pytest

from streams.policy.features import WrongSnapshot, snapshot
from streams.policy.schema import DEFAULTS


def test_a_snapshot_may_be_nested_or_flat_and_knows_its_schema() -> None:
    assert snapshot({"ai": {"p_value": 1}})["ai.p_value"] == 1.0
    assert snapshot({}) == DEFAULTS
    assert snapshot({"label.components": ["vocals"]})["label.components"] == ("vocals",)
    for wrong in (
        {"ai.score": 1},
        {"label.extent": "all"},
        {"label.extent": None},
        {"ai.p_value": "0.1"},
        {"ai.p_value": True},
        {"label.components": "vocals"},
        {"label.components": ["drums"]},
        {"declared.mismatch": 1},
    ):
        with pytest.raises(WrongSnapshot):
            snapshot(wrong)
