"""What the fork server loads stays for good."""

import subprocess
import sys

PROBE = """
import gc, sys
import streams.media.fork_server
print("av" in sys.modules, "torch" in sys.modules, gc.get_freeze_count() > 10_000)
"""


def test_libraries_are_loaded_and_spared_by_the_collector() -> None:
    ran = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "False", "True"]
