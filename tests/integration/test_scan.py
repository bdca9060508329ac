"""``earmark scan`` as people run it: killed in the middle, run again, each file read once."""

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import orjson

from detector import analyze_file
from streams.ops.scan.files import ENCODING
from tests.support.samples import samples

PATIENCE_S = 240
MARKER = "Read before the kill"


def test_a_killed_scan_goes_on_and_reads_nothing_twice(tmp_path: Path) -> None:
    tracks = samples(tmp_path / "music")
    (tmp_path / "music" / "cover.jpg").write_bytes(b"no audio")
    out = tmp_path / "report"
    environment = {name: text for name, text in os.environ.items() if "EARMARK" not in name}
    command = [sys.executable, "-m", "streams.cli.main", "scan", str(tmp_path / "music")]
    command += ["--out", str(out), "--jobs", "1"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        read = _read_until(out, 2, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 2 <= len(read) < len(tracks), "it was killed in the middle"
    assert not (out / "tracks.csv").exists()
    _mark(out, read[0])

    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(
        "10 files: 2 identified, 1 suspected, 4 no trace, 2 open, 0 marked"
    )
    with (out / "tracks.csv").open(encoding=ENCODING, newline="") as lines:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(lines)}
    assert len(rows) == len(tracks)
    assert [row["generator"] for row in rows.values()].count(MARKER) == 1
    assert rows["08-broken-upload.mp3"]["status"] == "unreadable"
    for name in ("06-glass-rain.flac", "09-two-seconds.wav"):
        answer = analyze_file(tmp_path / "music" / name)
        assert rows[name]["outcome"] == answer["outcome"]
        assert rows[name]["p_value"] == (
            "" if answer["p_value"] is None else str(answer["p_value"])
        )
        assert rows[name]["evidence"] == " ".join(one["sentence"] for one in answer["evidence"])
    # one recording in four forms: as it is, painted by a decoder, encoded anew, edited
    harbour = {name[:2] for name, row in rows.items() if row["duplicate_group"] == "1"}
    assert harbour == {"01", "03", "04", "05"}
    page = (out / "index.html").read_text()
    assert "1 other files are not named like audio" in page
    assert "Not complete" not in page


def _read_until(out: Path, count: int, process: "subprocess.Popen[bytes]") -> list[str]:
    """Return the files that the state has a reading of, once there are so many."""
    state = out / "state" / "scan.db"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if state.exists():
            connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True)
            try:
                rows = connection.execute(
                    "SELECT key FROM scan_files WHERE reading IS NOT NULL ORDER BY number"
                ).fetchall()
            except sqlite3.OperationalError:  # its tables are being made
                rows = []
            finally:
                connection.close()
            if len(rows) >= count:
                return [key for (key,) in rows]
        time.sleep(0.01)
    raise AssertionError(f"the scan ended with {process.returncode}")


def _mark(out: Path, key: str) -> None:
    """Change what was read of a file: only a second reading would change it back."""
    with sqlite3.connect(out / "state" / "scan.db") as connection:
        query = "SELECT reading FROM scan_files WHERE key = ?"
        reading = orjson.loads(connection.execute(query, (key,)).fetchone()[0])
        text = orjson.dumps(reading | {"generator": MARKER}).decode()
        connection.execute("UPDATE scan_files SET reading = ? WHERE key = ?", (text, key))
