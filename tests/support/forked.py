"""``python -m tests.support.forked``: reports what process it is, then waits or ends.

The first argument is its exit code, or ``wait``.
"""

import json
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    places = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    report = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "group": os.getpgid(0),
        "loaded": "sqlalchemy" in sys.modules,
        "descriptors": [
            place for place in places if place.startswith(("socket:", "pipe:", "anon"))
        ],
    }
    print(json.dumps(report), flush=True)  # noqa: T201 - its test reads it
    if sys.argv[1] == "wait":
        time.sleep(600)
    sys.exit(int(sys.argv[1]))
