"""Clients that send half of a request: they are closed, and all others are served."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from streams.runtime.settings import Settings
from streams.web.console import server
from streams.web.console.server import config_of

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
HALVES = {
    "nothing": [b""],
    "half a head": [HEAD + b"X-"],
    "half a body": [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf"],
    "half a second request": [HEAD + b"\r\n", HEAD + b"X-"],
}
WHOLE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhole"[:-1]


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"read {len(await request.body())}")


APP = Starlette(routes=[Route("/", _length, methods=["GET", "POST"])])


@pytest.fixture
def serving() -> Iterator[Callable[[ASGIApp], int]]:
    with ExitStack() as stack:

        def serve(app: ASGIApp) -> int:
            config = config_of(app, Settings())
            config.port = 0
            running = uvicorn.Server(config)
            thread = threading.Thread(target=asyncio.run, args=(running.serve(),), daemon=True)
            thread.start()
            stack.callback(thread.join, 15)
            stack.callback(setattr, running, "should_exit", True)
            while not running.started:
                time.sleep(0.01)
            return int(running.servers[0].sockets[0].getsockname()[1])

        yield serve


def answer(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(WHOLE)
        parts = []
        while part := client.recv(4_096):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_half_a_request_is_closed(
    half: list[bytes], serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW_S", 0.3)
    port = serving(APP)
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        for part in half:
            client.sendall(part)
            begun = time.monotonic()
            with suppress(ConnectionResetError):
                while client.recv(4_096):
                    if part is not half[-1]:
                        break
    assert time.monotonic() - begun < 2  # the library's own limit, of idle connections, is 5 s


def test_a_client_that_trickles_is_closed_and_a_steady_one_is_not(
    serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW_S", 0.5)
    monkeypatch.setattr(server, "SLOW_BYTES", 1_000)
    port = serving(APP)

    def send(size: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {20 * size}\r\n"
            client.sendall(f"{head}Connection: close\r\n\r\n".encode())
            for _ in range(20):
                client.sendall(bytes(size))
                time.sleep(0.1)
            return client.recv(4_096)

    with pytest.raises(OSError, match=r"reset|Broken pipe"):
        send(1)
    assert b"200 OK" in send(5_000)


def test_many_halves_hold_up_nobody(
    serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SLOW_S", 3.0)
    port = serving(APP)
    with ExitStack() as stack:
        halves = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            for _ in range(1_500)
        ]
        for client in halves:
            client.sendall(HEAD)
        begun = time.monotonic()
        assert answer(port).endswith(b"read 4")
        assert time.monotonic() - begun < 2
        for client in halves:
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
    assert answer(port).endswith(b"read 4")
