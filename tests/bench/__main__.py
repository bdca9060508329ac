"""``python -m tests.bench COMMAND``."""

import os

# Read when numpy is loaded: a second thread of OpenBLAS waits busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from tests.bench.cli import app

app(prog_name="python -m tests.bench")
