import pytest

from detector.assessment.model import Model
from tests.support.evidence import RELEASED


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)
