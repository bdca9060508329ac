"""Children are started again when they end, and all end in time."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from streams.ops import supervisor
from streams.ops.forking import ForkServer, Running
from streams.ops.supervisor import Child, Supervisor
from streams.runtime.processes import free_port, listens
from streams.runtime.settings import Settings
from tests.support.forks import forks

STUBBORN = "tests.support.stubborn"


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """Real processes that ignore SIGTERM instead of workers."""
    monkeypatch.setattr(supervisor, "MODULE", STUBBORN)
    monkeypatch.setattr(supervisor, "STOP_PATIENCE_S", 0.5)
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF_S", 0.2)
    with Supervisor(["one", "two"], Settings(), tmp_path, forks()) as all_of_them:
        eventually(lambda: all("here" in c.log_path.read_text() for c in all_of_them.children))
        yield all_of_them


def eventually(holds: Callable[[], bool], patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pid(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_child_that_is_being_started_when_ctrl_c_comes_is_ended_too(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Running] = []

    def start(*arguments: Any) -> Running:
        started.append(real(*arguments))
        os.kill(os.getpid(), number)
        time.sleep(0.05)  # here Python would raise
        return started[-1]

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    real = ForkServer.start
    monkeypatch.setattr(supervisor, "MODULE", STUBBORN)
    monkeypatch.setattr(supervisor, "STOP_PATIENCE_S", 0.5)
    monkeypatch.setattr(ForkServer, "start", start)
    before = signal.signal(number, interrupt)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            Supervisor(["one", "two"], Settings(), tmp_path, forks()),
        ):
            pass
    finally:
        signal.signal(number, before)
    (only,) = started
    assert only.returncode is not None


def test_a_killed_child_comes_back_after_its_back_off(children: Supervisor) -> None:
    item, two = children.children
    before, other = pid(item), pid(two)
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        children.watch()
        return item.process is not None and item.process.pid != before

    eventually(back)
    assert (item.restarts, two.restarts) == (1, 0)
    assert pid(two) == other
    assert item.backoff_s > supervisor.FIRST_BACKOFF_S


def test_stubborn_children_are_killed(children: Supervisor) -> None:
    pids = [pid(child) for child in children.children]
    began = time.monotonic()
    children.stop()
    assert time.monotonic() - began < 5
    assert not any(Path(f"/proc/{one}").exists() for one in pids)


def test_every_child_has_its_own_port_and_settings(children: Supervisor) -> None:
    item, two = (child.settings for child in children.children)
    assert item.metrics_port != two.metrics_port
    assert Settings.from_env(item.environment()) == item


def test_a_worker_whose_port_was_taken_meanwhile_gets_another(tmp_path: Path) -> None:
    settings = Settings(
        brokers=f"127.0.0.1:{free_port()}", ledger=f"sqlite:///{tmp_path}/ledger.db"
    )
    workers = Supervisor(["ledger"], settings, tmp_path, forks())
    (child,) = workers.children
    port = child.settings.metrics_port
    with socket.create_server((child.settings.metrics_host, port)):

        def elsewhere() -> bool:
            workers.watch()
            now = child.settings.metrics_port
            return now != port and listens(f"{child.settings.metrics_host}:{now}")

        with workers:
            eventually(elsewhere, 60)
            assert child.restarts == 1
            os.kill(pid(child), signal.SIGKILL)
            port = child.settings.metrics_port
            eventually(lambda: bool(workers.watch()), 10)
            eventually(lambda: not workers.watch() and child.process is not None, 10)
            assert child.settings.metrics_port == port, "its own, where that is free"


@pytest.mark.parametrize(
    ("log", "printed"),
    [
        ('{"event": "started"}\n{"event": "broken", "error": "no broker"}\n', "no broker"),
        ("earmark: EARMARK_ALPHA is too small\n", "EARMARK_ALPHA is too small"),
        (
            "Traceback (most recent call last):\n  File\nModuleNotFoundError: No module 'cel'\n",
            "ModuleNotFoundError: No module 'cel'",
        ),
        ("listening on port 1\n", ""),
    ],
)
def test_last_words_are_why_it_ended(log: str, printed: str, tmp_path: Path) -> None:
    (tmp_path / "one.log").write_text(log)
    assert Child("one", Settings(), tmp_path / "one.log").last_words() == printed
