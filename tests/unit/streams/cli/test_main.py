"""The one command line, as a process of its own."""

import subprocess
import sys
from importlib.metadata import version

from streams.cli.main import DECIDE, MODELS, OPERATE, TRACKS, app


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


def test_it_prints_its_version() -> None:
    command = [sys.executable, "-m", "streams.cli.main", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"earmark {version('earmark')} (Python 3.")


def test_every_command_has_a_part_of_the_help() -> None:
    parts = {one.rich_help_panel for one in app.registered_commands if not one.hidden}
    parts |= {one.rich_help_panel for one in app.registered_groups}
    assert parts == {TRACKS, DECIDE, OPERATE, MODELS}
