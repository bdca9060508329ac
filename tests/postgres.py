"""A PostgreSQL of the tests' own, where the machine has one; nothing is shared, nothing kept."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def private_postgres() -> Iterator[str]:
    """Start a server in a temporary folder; yield its SQLAlchemy URL. Skips without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL here: /usr/lib/postgresql/*/bin/initdb is missing")
    programs = found[-1].parent
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses root
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL refuses root, and there is no runuser to become another")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(*command: str) -> None:
        subprocess.run(
            [*as_user, *command], check=True, timeout=60, stdout=subprocess.DEVNULL, cwd="/"
        )

    with tempfile.TemporaryDirectory(prefix="earmark-pg-") as folder:
        Path(folder).chmod(0o777)
        data, port = f"{folder}/data", _free_port()
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        run(f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", *locale)
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = (f"{programs}/pg_ctl", "-D", data, "-w")
        run(*control, "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
