"""The one command line, as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_it_gives_matrix_products_one_thread_before_numpy_is_loaded() -> None:
    code = (
        "import os, sys, streams.cli.main\n"
        "assert 'numpy' not in sys.modules, 'loaded before it is told'\n"
        "os.environ.pop('OPENBLAS_NUM_THREADS', None)\n"
        "sys.argv = ['earmark', 'settings']\n"
        "try:\n"
        "    streams.cli.main.main()\n"
        "finally:\n"
        "    assert os.environ['OPENBLAS_NUM_THREADS'] == '1'\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "EARMARK_ALPHA" in ran.stdout


def test_analyze_answers_for_files_whose_names_are_not_utf8(tmp_path: Path) -> None:
    for name in (b"a.wav", b"caf\xe9.wav", b"z.wav"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"no audio")
    command = [sys.executable, "-m", "streams.cli.main", "analyze", "--json", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    answers = [Path(json.loads(line)["path"]).name for line in ran.stdout.splitlines()]
    assert answers == ["a.wav", "caf\\xe9.wav", "z.wav"]
