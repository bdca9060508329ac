"""Decisions: what differs between two, and what a catalogue may answer."""

import pytest

from streams.contract.records import DecisionApplied, InvalidRecord, parse
from streams.contract.records.decisions import Actions

ANSWER = '{"decision_id": "%s", "upload_id": "upl_1", "track_id": "T-1", "result": "applied"}'


def test_only_the_dimensions_that_differ_are_named() -> None:
    neutral = Actions()
    strict = Actions(availability="takedown", display="ai_badge")
    assert neutral.differences(Actions()) == ()
    assert neutral.differences(strict) == strict.differences(neutral)
    assert neutral.differences(strict) == ("display", "availability")


@pytest.mark.parametrize("fields", [{"display": "takedown"}, {"profile": ""}, {"display": None}])
def test_an_action_belongs_to_its_dimension(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Input should be"):
        Actions.model_validate(fields)


def test_an_answer_names_a_decision() -> None:
    assert parse(DecisionApplied, (ANSWER % "dec_1").encode()).decision_id == "dec_1"
    for wrong in ("upl_1", "", "Dec_1"):
        with pytest.raises(InvalidRecord, match="decision_id"):
            parse(DecisionApplied, (ANSWER % wrong).encode())
