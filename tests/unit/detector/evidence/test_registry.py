"""Which branches a model has."""

import pytest

from detector.assessment.model import Model
from detector.evidence.registry import checked


def test_a_model_has_the_clock_and_what_its_branches_need() -> None:
    assert checked(("speed", "templates")) == ("clock", "templates", "speed")
    with pytest.raises(ValueError, match="pitch needs the branch templates"):
        checked(("pitch",))
    with pytest.raises(ValueError, match="the branches are"):
        checked(("learned",))


def test_the_released_model_has_these_branches(model: Model) -> None:
    """A branch that is new takes part after the next training."""
    assert model.branches == ("clock", "templates", "families", "parts", "speed", "pitch")
    assert checked(model.branches) == model.branches
