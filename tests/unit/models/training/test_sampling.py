"""Which tracks of a manifest are taken."""

from pathlib import Path

import pytest

from models.learning.data import read_manifest, usable
from models.training.sampling import probe, sample


def test_the_sample_takes_as_many_of_each_maker(manifest: Path) -> None:
    tracks = usable(read_manifest(manifest, manifest.parent))
    chosen = sample(tracks, 1, seed=1)
    assert [track.maker for track, _ in chosen] == ["Deep", "Wide", "Ann", "Bob"]
    assert chosen == sample(tracks, 1, seed=1)
    assert [seconds for _, seconds in chosen] == pytest.approx([13.0] * 4, abs=0.1)
    assert len(sample(tracks, 99, seed=1)) == 6  # the short one is not taken


def test_a_file_without_a_header_is_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"nothing of the kind")
    assert probe(path) == (0, 0.0)
