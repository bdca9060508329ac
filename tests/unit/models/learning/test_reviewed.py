"""Reviewed tracks as lessons."""

from pathlib import Path

import pytest

from detector.errors import BadInput
from models.learning.reviewed import chosen


def test_reviewed_tracks_are_lessons_and_their_neighbours_controls(tmp_path: Path) -> None:
    rows = ["path,label,generator,source_repo"]
    rows += [f"/a/{number}.mp3,ai,NewTool,shop" for number in range(3)]
    rows += ["/a/other.mp3,ai,OldTool,shop", "/h/far.mp3,human,reviewed,elsewhere"]
    rows += [f"/h/{number}.mp3,human,reviewed,shop" for number in range(12)]
    (tmp_path / "reviewed.csv").write_text("\n".join(rows))
    tracks, controls = chosen(tmp_path / "reviewed.csv", "NewTool")
    assert tracks == [Path(f"/a/{number}.mp3") for number in range(3)]
    assert controls == [Path(f"/h/{number}.mp3") for number in range(10)]
    with pytest.raises(BadInput, match=r"no track of Else; AI: NewTool \(3\), OldTool \(1\)"):
        chosen(tmp_path / "reviewed.csv", "Else")
    (tmp_path / "empty.csv").write_text("path\n")
    with pytest.raises(BadInput, match="has no rows or lacks"):
        chosen(tmp_path / "empty.csv", "NewTool")
