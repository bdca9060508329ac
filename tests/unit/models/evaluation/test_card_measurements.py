from pathlib import Path

import pytest

from models.evaluation.card_measurements import MEASURED
from models.evaluation.tiers import weights_digest
from tests.support.paths import MODELS


@pytest.mark.parametrize(
    "path", sorted(MODELS.glob(f"*/{MEASURED}")), ids=lambda one: one.parent.name
)
def test_what_was_measured_is_about_the_model_that_is_there(path: Path) -> None:
    assert f"`{weights_digest(path.parent)}`" in path.read_text()
