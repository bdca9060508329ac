"""A model's name, version and digest, by its folder."""

from pathlib import Path

import pytest

from detector.errors import ModelError
from streams.runtime.settings import Settings
from streams.services.released_models import reference_of
from tests.support.scoring import REFERENCE


def test_the_reference_is_that_of_the_loaded_model() -> None:
    assert reference_of(Settings().model) == REFERENCE


@pytest.mark.parametrize("manifest", [None, "no JSON", "[]", '{"name": "m"}'])
def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="is not a model folder"):
        reference_of(tmp_path)
