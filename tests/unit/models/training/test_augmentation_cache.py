"""Observations of deliveries are kept."""

from pathlib import Path

import pytest

from detector.types import FloatArray
from models.evaluation.robustness import (
    subjects_of,
)
from models.learning.data import read_manifest, usable
from models.training import augmentation_cache
from models.training.sampling import sample


@pytest.mark.usefixtures("few")
def test_what_was_heard_is_heard_once(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = sample(usable(read_manifest(manifest, manifest.parent)), 1, seed=1)[:1]
    subjects = subjects_of(chosen, seeds=0, seed=1)
    augmentation_cache.fill_cache(subjects, tmp_path, 1)
    first = [
        observed.to_bytes()
        for _, observed in augmentation_cache.observations_of(subjects[0], tmp_path)
    ]
    (tmp_path / subjects[0].cases()[0].key[:2]).rename(tmp_path / "gone")
    decoded: list[Path] = []

    def decode(path: Path) -> tuple[FloatArray, int]:
        decoded.append(path)
        return decode_file(path)

    decode_file = augmentation_cache.decoded
    monkeypatch.setattr(augmentation_cache, "decoded", decode)
    augmentation_cache.fill_cache(subjects, tmp_path, 1)  # what is lacking is decoded again
    augmentation_cache.fill_cache(subjects, tmp_path, 1)  # and then nothing is
    assert len(decoded) == 1
    assert [
        one.to_bytes() for _, one in augmentation_cache.observations_of(subjects[0], tmp_path)
    ] == first
