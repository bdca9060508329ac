"""``earmark analyze``, as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.signing import Signatory, wav
from tests.support.tagging import id3
from tests.unit.streams.media.test_marks import LYRIA, MADE, SONG, frame


def test_analyze_answers_for_files_whose_names_are_not_utf8(tmp_path: Path) -> None:
    for name in (b"a.wav", b"caf\xe9.wav", b"z.wav"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"no audio")
    command = [sys.executable, "-m", "streams.cli.main", "analyze", "--json", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    answers = [Path(json.loads(line)["path"]).name for line in ran.stdout.splitlines()]
    assert answers == ["a.wav", "caf\\xe9.wav", "z.wav"]


def test_analyze_prints_what_a_file_contains_of_its_making(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(id3(frame("comment", MADE)) + wav(2.0))
    (tmp_path / "b.wav").write_bytes(Signatory.make().sign(wav(2.0), **LYRIA))
    (tmp_path / "c.wav").write_bytes(wav(2.0))
    command = [sys.executable, "-m", "streams.cli.main", "analyze", str(tmp_path)]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert f"Mark of Suno (tag, comment, song {SONG})." in text
    assert "Mark of Lyria (c2pa, c2pa.description)." in text
    assert "C2PA manifest of Test Generator: untrusted, contains AI: All." in text
    command = [*command[:-1], "--json", command[-1]]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
    suno, lyria, plain = (json.loads(line)["provenance"] for line in lines)
    assert (suno["marks"][0]["generator"], lyria["extent"], plain) == ("Suno", "All", None)
