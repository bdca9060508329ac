from pathlib import Path

import pytest

from tests.support.taught import base_model


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of made-up generators, made once for all tests of this folder."""
    out = tmp_path_factory.mktemp("models") / "base"
    base_model(out)
    return out
