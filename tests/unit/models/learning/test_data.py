"""Manifests: what they list, and what is wrong in them."""

import csv
from pathlib import Path

import pytest

from detector.errors import BadInput
from models.learning.data import describe, file_sha256, read_manifest, usable
from tests.support.manifests import write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; nothing of them is decoded."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("human-0-0.wav", "human-1-0.wav", "ai-0-0.wav"):
        (folder / name).write_bytes(name.encode())
    return folder


def test_manifests_are_checked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("path,label\n")
    with pytest.raises(BadInput, match="lacks"):
        read_manifest(tmp_path / "empty.csv", folder)
    row = ("human-0-0.wav", "human", "band", "org")
    write_manifest(tmp_path / "missing.csv", [row, ("gone.wav", "human", "band", "org")])
    with pytest.raises(BadInput, match="1 of 2 files are missing"):
        read_manifest(tmp_path / "missing.csv", folder)
    write_manifest(tmp_path / "twice.csv", [row, row])
    assert len(read_manifest(tmp_path / "twice.csv", folder)) == 1
    named = ("path", "label", "generator", "repo", "sha256", "licence")
    for sha256, licence in (("0" * 64, ""), (file_sha256(folder / row[0]).upper(), "CC0")):
        with (tmp_path / "sealed.csv").open("w", newline="") as file:
            csv.writer(file).writerows([named, (*row, sha256, licence)])
        if not licence:
            with pytest.raises(BadInput, match="not the listed file"):
                read_manifest(tmp_path / "sealed.csv", folder)
    assert read_manifest(tmp_path / "sealed.csv", folder)[0].licence == "CC0"
    write_manifest(tmp_path / "torn.csv", [row, ("human-0-0.wav", "ai", "x", "org")])
    with pytest.raises(BadInput, match="but another label"):
        read_manifest(tmp_path / "torn.csv", folder)


def test_suspects_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    rows = [
        ("human-0-0.wav", "human", "GTSinger-GT", "org/singer"),
        ("human-1-0.wav", "human", "band", "org/band"),
        ("ai-0-0.wav", "codec", "EnCodec", "org/codec"),
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    tracks = read_manifest(tmp_path / "manifest.csv", folder)
    assert [track.maker for track in usable(tracks)] == ["band"]
    assert "left out: 1 of GTSinger-GT" in describe(tracks)
