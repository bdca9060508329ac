"""What the fork server loads stays for good."""

import subprocess
import sys

PROBE = """
import gc, sys
import streams.media.fork_server
print("torch" in sys.modules, gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def test_torch_is_loaded_and_spared_by_the_collector() -> None:
    ran = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", "True"]
