import pytest

from detector.assessment.model import Model
from detector.types import FloatArray
from models.synthesis.music import render
from tests.support.pictures import RELEASED


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)


@pytest.fixture(scope="module")
def played() -> FloatArray:
    return render(21, 30.0)
