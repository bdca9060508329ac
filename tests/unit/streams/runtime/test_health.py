"""The port of probes and metrics: clients that fall silent hold no thread for ever."""

import json
import socket
import threading
import urllib.request
from contextlib import ExitStack

import pytest

from streams.runtime import health
from streams.runtime.health import Health, serve


def test_silent_connections_hold_no_threads(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health._Quiet, "timeout", 0.3)
    port = serve(Health(), "127.0.0.1", 0)
    before = threading.active_count()
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            for _ in range(50)
        ]
        for client in silent:
            client.sendall(b"GET /live HT")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live") as answer:
            assert json.load(answer) == {"live": True}
        for client in silent:
            assert client.recv(1) == b""
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(5)
    assert threading.active_count() <= before
    assert capfd.readouterr().err == ""
