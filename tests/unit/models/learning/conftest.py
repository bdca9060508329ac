from pathlib import Path

import pytest

from tests.support.made_once import made_once
from tests.support.taught import base_model


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of made-up generators, made once for all tests of this folder."""
    return made_once(tmp_path_factory, "base-model", base_model)
