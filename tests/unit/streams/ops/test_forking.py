"""Processes that start with their libraries loaded, and where there is no fork, without."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.ops import forking
from streams.ops.forking import ForkServer, Running
from tests.support.forks import forks
from tests.support.paths import ROOT

PATIENCE_S = 60.0
CLIENT = """
import sys, tempfile
from streams.ops.forking import ForkServer
with tempfile.TemporaryFile() as log:
    child = ForkServer().start("tests.support.forked", ["wait"], {}, log)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=[True, False], ids=["forked", "an interpreter of its own"])
def start(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Running]]:
    """Start the process that reports, its output in the file ``log``."""
    monkeypatch.setattr(forking, "POSSIBLE", request.param)
    started: list[Running] = []

    def run(*arguments: str, **environment: str) -> Running:
        with (tmp_path / "log").open("wb") as log:
            started.append(forks().start("tests.support.forked", arguments, environment, log))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(PATIENCE_S)


def report(folder: Path) -> dict[str, Any]:
    eventually(lambda: "\n" in (folder / "log").read_text())
    return dict(json.loads((folder / "log").read_text()))


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_is_what_was_asked_for_and_inherits_nothing_else(
    start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_LEDGER", "a secret of another process")
    process = start("7", EARMARK_ALPHA="0.1")
    assert process.wait(PATIENCE_S) == process.returncode == process.poll() == 7
    facts = report(tmp_path)
    assert facts["arguments"] == ["7"]
    ours = {name: text for name, text in facts["environment"].items() if "EARMARK" in name}
    assert ours == {"EARMARK_ALPHA": "0.1"}
    assert "PATH" not in facts["environment"]
    assert facts["group"] == process.pid
    assert facts["loaded"] == forking.POSSIBLE
    assert facts["descriptors"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_and_is_its_exit_code(
    start: Callable[..., Running], tmp_path: Path, number: int
) -> None:
    process = start("wait")
    report(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == -number
    process.send_signal(number)  # it has ended: nothing happens


def test_its_command_line_is_its_own(start: Callable[..., Running], tmp_path: Path) -> None:
    process = start("wait")
    report(tmp_path)
    words = Path(f"/proc/{process.pid}/cmdline").read_text().rstrip("\0").split("\0")
    assert words[1:] == ["-m", "tests.support.forked", "wait"]


def test_a_server_that_was_killed_takes_its_processes_along_and_is_started_again(
    tmp_path: Path,
) -> None:
    with ForkServer() as server, (tmp_path / "log").open("wb") as log:
        process = server.start("tests.support.forked", ["wait"], {}, log)
        parent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(parent), signal.SIGKILL)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        assert server.start("tests.support.forked", ["3"], {}, log).wait(PATIENCE_S) == 3


def test_a_process_that_cannot_be_started_harms_no_other(tmp_path: Path) -> None:
    with ForkServer() as server, (tmp_path / "log").open("wb") as log:
        process = server.start("tests.support.forked", ["wait"], {}, log)
        with pytest.raises(OSError, match="too long"):
            server.start("tests.support.forked", ["0"], {"LARGE": "x" * 8 * 2**20}, log)
        assert server.start("tests.support.forked", ["3"], {}, log).wait(PATIENCE_S) == 3
        assert process.poll() is None


def test_processes_end_with_the_one_that_asked_for_them() -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.wait()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
