"""The robustness grid of known tracks, small: self-made pieces, a handful of cells."""

import csv
from pathlib import Path

import pytest

from models.evaluation import matching_grid
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio

LEAST_S = 24.0
ALTERATIONS = ("mp3-64", "excerpt-15", "speed+4", "intro-20", "tempo+5")


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty seconds of each piece are enough for those that are made here."""
    monkeypatch.setattr(matching_grid, "LEAST_S", LEAST_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    rows = []
    for seed in (1, 2, 3):
        write_audio(folder / f"{seed}.flac", render(seed, 30.0), sample_rate_hz=RATE_HZ)
        rows.append(("human", f"maker-{seed % 2}", f"{seed}.flac"))
    for name, label, seconds in (("short", "human", 12.0), ("other", "codec", 30.0)):
        write_audio(folder / f"{name}.flac", render(4, seconds), sample_rate_hz=RATE_HZ)
        rows.append((label, "maker-1", f"{name}.flac"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("label", "generator", "path"))
        writer.writerows(rows)
    return folder


def test_the_sample_is_drawn_evenly_by_maker(folder: Path) -> None:
    two = matching_grid.sample(folder / "manifest.csv", folder, 2)
    assert {int(track.path.stem) % 2 for track in two} == {0, 1}
    all_of_them = matching_grid.sample(folder / "manifest.csv", folder, 9)
    assert {track.path.name for track in all_of_them} == {"1.flac", "2.flac", "3.flac"}


def test_self_made_pieces_are_recognised_in_every_cell_and_nowhere_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tuple(cell for cell in matching_grid.ALTERATIONS if cell.name in ALTERATIONS)
    assert len(chosen) == len(ALTERATIONS)
    monkeypatch.setattr(matching_grid, "ALTERATIONS", chosen)
    tracks = matching_grid.sample(folder / "manifest.csv", folder, 3)
    grid = matching_grid.measure(tracks, tmp_path)
    assert grid.tracks == 3
    assert grid.false == []
    assert "\n6 ordered pairs of originals" in grid.text
    for cell in chosen:
        assert grid.classes[cell.name] == {cell.expected.value: 3}, cell.name
    assert "| speed+4 | 1.000 | 1.000 |" in grid.text
    monkeypatch.setattr(matching_grid, "decoded", None)  # the second time nothing is decoded
    assert matching_grid.measure(tracks, tmp_path).text == grid.text
