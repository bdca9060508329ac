"""``earmark analyze``, as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_analyze_answers_for_files_whose_names_are_not_utf8(tmp_path: Path) -> None:
    for name in (b"a.wav", b"caf\xe9.wav", b"z.wav"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"no audio")
    command = [sys.executable, "-m", "streams.cli.main", "analyze", "--json", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    answers = [Path(json.loads(line)["path"]).name for line in ran.stdout.splitlines()]
    assert answers == ["a.wav", "caf\\xe9.wav", "z.wav"]
