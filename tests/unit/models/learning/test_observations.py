"""Recordings of a manifest, decoded and observed."""

from pathlib import Path

from models.learning.data import read_manifest
from models.learning.observations import observe
from tests.support.manifests import write_manifest


def test_files_that_cannot_be_heard_are_reported(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no audio at all\n" * 50)
    write_manifest(tmp_path / "manifest.csv", [("text.mp3", "human", "band", "org")])
    tracks = read_manifest(tmp_path / "manifest.csv", tmp_path)
    for _ in range(2):  # the second time from the cache
        observed, rejected = observe(tracks, tmp_path / "cache", 1)
        assert not observed
        assert rejected[0].reason.startswith("unsupported_format")
