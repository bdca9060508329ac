"""Freed memory stays in a process that asks for it."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from detector.audio.heap import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def round():
    blocks = [b"x" * (5 * 2**20) for _ in range(4)]
for _ in range(3):
    round()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    round()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(how: str) -> int:
    """Return how many pages the kernel gives a process that takes and frees 20 MB, 20 times."""
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limits are those of glibc")
def test_blocks_of_a_track_cost_no_new_pages() -> None:
    assert new_pages("keep") < 0.1 * new_pages("as it is")
