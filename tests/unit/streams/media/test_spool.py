import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from streams.media.spool import YOUNG_S, spool, sweep

HOLD = """
import time
from streams.media.spool import spool
with spool() as folder:
    (folder / "upload.mp3").write_bytes(b"audio")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def age(folder: Path) -> None:
    then = time.time() - YOUNG_S - 1
    os.utime(folder, (then, then))


def test_an_ordinary_end_leaves_nothing(place: Path) -> None:
    with spool() as folder:
        (folder / "upload.mp3").write_bytes(b"audio")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(
    place: Path,
) -> None:
    def hold() -> tuple["subprocess.Popen[str]", Path]:
        process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    (killed, left), (living, held) = hold(), hold()
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        age(left)
        age(held)
        sweep()
        assert not left.exists()
        assert (held / "upload.mp3").exists()
    finally:
        living.kill()
        living.wait()


def test_a_folder_that_is_only_being_made_stays(place: Path) -> None:
    young = place / "earmark-spool-young"
    young.mkdir()
    sweep()
    assert young.exists()
