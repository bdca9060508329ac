"""What the fork server loads lets it be forked: no thread, no socket, nothing heavy."""

import subprocess
import sys

PROBE = """
import os, pathlib, sys
from streams.cli.fork_server import load
load()
tasks = len(list(pathlib.Path("/proc/self/task").iterdir()))
places = [str(fd.readlink()) for fd in pathlib.Path("/proc/self/fd").iterdir() if fd.is_symlink()]
sockets = sum(place.startswith("socket:") for place in places)
names = ("faust", "sqlalchemy", "torch", "fastapi")
print(tasks, sockets, *(name in sys.modules for name in names))
"""


def test_libraries_are_loaded_and_neither_threads_nor_sockets_are_there() -> None:
    command = [sys.executable, "-c", PROBE]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert ran.stdout.split() == [b"1", b"0", b"True", b"True", b"False", b"False"]
