"""The reference catalogue as a process of ours."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, threading
from streams.runtime.settings import Settings
from streams.stages.catalogue import run_catalogue

def end():
    while not (os.path.exists(database) and os.path.getsize(database)):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

database = os.environ["DATABASE"]
threading.Thread(target=end, daemon=True).start()
run_catalogue(Settings(ledger=f"sqlite:///{database}", brokers="127.0.0.1:1"))
"""


def test_only_its_owner_reads_the_ledger_that_it_makes(tmp_path: Path) -> None:
    """It may be the first of all processes to open the ledger."""
    database = tmp_path / "ledger.db"
    environment = os.environ | {"DATABASE": str(database)}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, timeout=60, check=False)
    assert database.stat().st_mode & 0o777 == 0o600
