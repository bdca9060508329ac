"""What people name: nothing is dropped in silence, nothing stops the rest."""

import os
from pathlib import Path

from streams.ops.inputs import Skipped, gather, named


def reasons(items: list[Path | Skipped]) -> dict[str, str]:
    return {Path(item.path).name: item.reason for item in items if isinstance(item, Skipped)}


def test_a_folder_of_everything(tmp_path: Path) -> None:
    (tmp_path / "sub.mp3").mkdir()
    (tmp_path / "sub.mp3" / "b.FLAC").write_bytes(b"x")
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.wav").write_bytes(b"x")
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.ogg")
    items = list(gather([str(tmp_path)]))
    assert [one.name for one in items if isinstance(one, Path)] == ["a.wav", "b.FLAC"]
    assert reasons(items) == {
        "notes.txt": "not_audio_name",
        "gone.mp3": "missing_file",
        "pipe.ogg": "not_a_file",
    }


def test_a_file_named_itself_is_sent_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert list(gather([str(tmp_path / "notes.txt")])) == [tmp_path / "notes.txt"]


def test_missing_and_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    items = list(gather([str(tmp_path / "none.mp3"), str(tmp_path / "empty")]))
    assert reasons(items) == {"none.mp3": "missing_file", "empty": "empty_folder"}


def test_a_make_variable_holds_one_path_with_spaces_or_several(tmp_path: Path) -> None:
    spaced = tmp_path / "my music"
    spaced.mkdir()
    assert named(str(spaced)) == [str(spaced)]
    item, other = tmp_path / "a.mp3", tmp_path / "b c.mp3"
    item.write_bytes(b"")
    assert named(f"{item} '{other}'") == [str(item), str(other)]
    assert named("no/such folder's") == ["no/such folder's"]
    assert named("no/such folder") == ["no/such folder"], "a slip is one missing path, not two"
    assert named("~") == [str(Path.home())]
