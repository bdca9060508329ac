"""The closed sets of values: their order, their words, and fields that take them only."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from detector.matching.classes import MatchClass
from streams.contract.vocabulary import (
    ACTIONS,
    BANKS_SEEN,
    DIMENSIONS,
    FINDING_WORDS,
    NEUTRAL,
    PENDING,
    SENTENCES,
    SEVERE,
    STRICTNESS,
    BankKind,
    Extent,
    LabelSource,
    OneOf,
    Outcome,
    action,
)

Field = TypeAdapter(Annotated[str, OneOf(["b", "a"])])


def test_a_field_takes_its_values_only() -> None:
    assert Field.validate_python("a") == "a"
    for wrong in ("A", "", "ab", None, 1):
        with pytest.raises(ValidationError):
            Field.validate_python(wrong)
    assert Field.json_schema() == {"enum": ["b", "a"], "type": "string"}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_dimension_goes_from_neutral_to_strict_without_a_gap(name: str) -> None:
    dimension = DIMENSIONS[name]
    strictness = sorted(one.strictness for one in dimension.actions)
    assert strictness == list(range(len(dimension.actions)))
    assert dimension.actions[0].name == NEUTRAL[name] == STRICTNESS[name][0]
    assert action(name).values == [one.name for one in dimension.actions]


@pytest.mark.parametrize("name", SEVERE)
def test_before_a_severe_action_a_milder_one_holds(name: str) -> None:
    assert STRICTNESS[name][-2:] == (PENDING[name], SEVERE[name])


def test_every_action_that_is_not_neutral_has_its_words() -> None:
    assert len(ACTIONS) == sum(len(order) - 1 for order in STRICTNESS.values())
    for (_, name), known in ACTIONS.items():
        assert all((known.words, known.done, known.to_artist, known.dsa)), name


def test_in_a_statement_no_two_dimensions_weigh_the_same() -> None:
    assert len({one.weight for one in DIMENSIONS.values()}) == len(DIMENSIONS)


def test_a_person_prevails_over_every_other_source() -> None:
    by_rank = sorted(LabelSource, key=lambda source: source.rank)
    assert len({source.rank for source in LabelSource}) == len(LabelSource)
    assert [source for source in by_rank if source.human] == by_rank[-2:]
    for source in LabelSource:
        assert source.basis


def test_no_code_has_two_sentences() -> None:
    matches = [one for one in MatchClass if one is not MatchClass.NONE]
    vocabularies = (Extent, Outcome, LabelSource, BankKind)
    codes = [one.value for vocabulary in vocabularies for one in vocabulary]
    assert len(SENTENCES) == len([*codes, *FINDING_WORDS, *matches])


def test_the_policy_sees_every_bank_but_test_sets() -> None:
    assert {kind for kind, _ in BANKS_SEEN} == set(BankKind) - {BankKind.GOLDEN}
