"""A process that ignores SIGTERM: ``python -m tests.support.stubborn``."""

import signal
import time

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("here", flush=True)  # noqa: T201 - its test reads it
    time.sleep(600)
