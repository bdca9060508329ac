"""A run of a scan: one at a time writes, an interrupted one goes on."""

import fcntl
import io
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from rich.console import Console

from detector.assessment.model import Model
from detector.errors import Fatal
from streams.known.banks import Bank, Banks, By
from streams.known.index import Item, open_index
from streams.ops.scan import files
from streams.ops.scan.scanning import PAGE, STATE, Scan
from streams.runtime.settings import Settings
from tests.support.recordings import landmarks, music
from tests.support.signing import wav


@pytest.fixture
def bucket() -> Iterator[str]:
    yield f"/bucket-{os.getpid()}"
    for name in [one for one in MemoryFileSystem.store if one.startswith(f"/bucket-{os.getpid()}")]:
        del MemoryFileSystem.store[name]


class Interrupting(MemoryFile):  # type: ignore[misc]
    """An object at whose reading a person presses Ctrl-C."""

    def read(self, *_: Any) -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("the store has gone away")


def quiet() -> Console:
    return Console(file=io.StringIO())


def scan_of(name: str, out: Path, **settings: Any) -> Scan:
    chosen = Settings(uri_schemes="memory", decode_workers=1, **settings)
    return Scan([name], out, chosen, Model.load(chosen.model))


def test_what_is_no_file_is_listed_and_one_run_at_a_time_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = scan_of(str(tmp_path / "gone.wav"), tmp_path / "out")
    report = scan.run(io.BytesIO(), quiet())
    assert [row["reason"] for row in report.unreadable_rows()] == ["missing_file"]
    assert "gone.wav" in (tmp_path / "out" / PAGE).read_text()
    assert "no such file" in (tmp_path / "out" / "unreadable.csv").read_text()
    with (tmp_path / "out" / STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Fatal, match="another scan writes to"):
            scan.run(io.BytesIO(), quiet())
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(Fatal, match="earmark"):
        replace(scan, parquet=True).run(io.BytesIO(), quiet())


def test_an_interrupted_scan_of_a_bucket_reports_and_goes_on(tmp_path: Path, bucket: str) -> None:
    store = MemoryFileSystem()
    known = landmarks(music(7)).to_bytes()
    with open_index(f"file://{tmp_path}/known") as index:
        banks = Banks(index)
        banks.create(Bank(name="stay-down", kind="stay_down", owner="T&S"), By("test"))
        banks.add("stay-down", [Item.of("stay-down", "T-9", "e" * 64, known)], By("test"))
    tune = (music(7) * 32_000).astype("<i2").tobytes()
    store.pipe(f"{bucket}/b.wav", wav(1.0)[:40] + len(tune).to_bytes(4, "little") + tune)
    store.pipe(f"{bucket}/c.wav", b"RIFF no audio")
    store.pipe(f"{bucket}/d.wav", wav(2.0))
    store.pipe(f"{bucket}/e.wav", wav(2.0))
    store.store[f"{bucket}/a.wav"] = Interrupting(store, f"{bucket}/a.wav", b"audio")
    scan = scan_of(f"memory:/{bucket}", tmp_path / "out", index=f"file://{tmp_path}/known")
    with pytest.raises(KeyboardInterrupt):
        scan.run(io.BytesIO(), quiet())
    assert "<strong>Not complete.</strong>" in (tmp_path / "out" / PAGE).read_text()
    store.pipe(f"{bucket}/a.wav", wav(3.0))
    report = scan.run(io.BytesIO(), quiet())
    rows = {row["path"][-5]: row for row in report.track_rows()}
    assert {name: row["status"] for name, row in rows.items()} == {
        **dict.fromkeys("abde", "read"),
        "c": "unreadable",
    }
    assert "T-9" in rows["b"]["matches"]
    assert report.total.known == 1
    assert (rows["c"]["reason"], rows["d"]["reason"]) == ("unsupported_format", "too_short")
    (group,) = report.duplicates  # the same bytes twice
    assert [track.path[-5] for track in group.tracks] == ["d", "e"]
    assert "Not complete" not in (tmp_path / "out" / PAGE).read_text()
