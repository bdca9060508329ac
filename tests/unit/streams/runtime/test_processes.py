"""Processes of the operating system and their ports."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from streams.runtime import processes
from streams.runtime.processes import BELOW_EPHEMERAL, free_port, listens, undisturbed


def test_a_free_port_is_nobody_elses() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    assert set(ports) <= set(BELOW_EPHEMERAL)
    assert free_port(preferred=ports[0]) == ports[0]
    with socket.create_server(("127.0.0.1", ports[0])):  # which sets SO_REUSEADDR
        assert listens(f"127.0.0.1:{ports[0]}")
        assert free_port(preferred=ports[0]) != ports[0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no server could bind it then")
def test_a_drawn_port_is_held_until_its_server_binds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    assert not listens(f"127.0.0.1:{port}")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    monkeypatch.setattr(processes, "BELOW_EPHEMERAL", range(port, port + 1))
    monkeypatch.setattr("random.sample", lambda ports, count: list(ports))
    assert free_port() != port
    code = (
        "import random; from streams.runtime.processes import free_port\n"
        f"random.sample = lambda ports, count: [{port}]\n"
        "print(free_port())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], timeout=30, check=True, capture_output=True, text=True
    )
    assert int(ran.stdout) != port, "another process draws the same"
    with socket.create_server(("127.0.0.1", port)):
        assert listens(f"127.0.0.1:{port}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no port is held")
def test_a_port_that_is_drawn_again_takes_no_more_of_the_process() -> None:
    """A worker that ends again and again draws its own port each time."""
    port = free_port()
    for _ in range(20):
        assert free_port(preferred=port) == port
    assert _bound_to(port) == 1


def _bound_to(port: int) -> int:
    """Return how many sockets of this process are bound to a port."""
    bound = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with (
            suppress(OSError),  # the folder's own has gone, and not each is a socket
            socket.fromfd(int(descriptor.name), socket.AF_INET, socket.SOCK_STREAM) as held,
        ):
            bound += held.getsockname() == ("127.0.0.1", port)
    return bound


def test_ctrl_c_waits_for_what_must_not_be_disturbed() -> None:
    reached = []

    def work() -> None:
        with undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end"]


def test_a_process_that_hangs_ends_by_itself() -> None:
    code = (
        "import time; from streams.runtime.processes import end_within\n"
        "end_within(0.1)\n"
        "time.sleep(60)"
    )
    ran = subprocess.run([sys.executable, "-c", code], timeout=30, check=False, capture_output=True)
    assert ran.returncode == 1
    assert b"processor_killed_itself" in ran.stdout + ran.stderr
