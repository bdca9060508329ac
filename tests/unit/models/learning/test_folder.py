"""A model folder: its manifest answers for every file."""

import hashlib
from pathlib import Path

import numpy as np
import orjson

from detector.assessment.model import MANIFEST
from detector.calibration.calibration import HumanScores, LengthScale
from models.learning.folder import CARD, packed, tensors_of_scores, write
from tests.support.paths import MODELS


def test_the_manifest_has_the_digest_of_each_file_and_is_the_models_digest(tmp_path: Path) -> None:
    description = orjson.loads((MODELS / "clock-5" / MANIFEST).read_bytes())
    parts = {"rates.toml": b"# none\n", "weights.safetensors": b"\x00\x01"}
    out = tmp_path / "new" / "model"
    digest = write(out, description, parts)
    manifest = (out / MANIFEST).read_bytes()
    assert digest == hashlib.sha256(manifest).hexdigest()
    assert manifest == packed(description, parts)
    files = orjson.loads(manifest)["files"]
    assert set(files) == {*parts, CARD}
    for name, stated in files.items():
        assert stated == hashlib.sha256((out / name).read_bytes()).hexdigest()
    assert packed(description, parts | {"rates.toml": b"# other\n"}) != manifest


def test_human_scores_are_tensors_by_name() -> None:
    values, weights = np.array([1, 2, 3], np.float32), np.array([1, 0.5, 0.5], np.float32)
    humans = HumanScores(values, weights, LengthScale(0.0, 1.0, 1.0))
    tensors = tensors_of_scores("clock", humans)
    assert list(tensors) == ["human_scores.clock", "human_weights.clock"]
    assert tensors["human_scores.clock"].tolist() == [1.0, 2.0, 3.0]
    assert tensors["human_weights.clock"].tolist() == [1.0, 0.5, 0.5]
