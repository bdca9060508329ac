"""The console's server: halves of requests, proxies, and what is printed at its start."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from streams.runtime.settings import Settings
from streams.services.accounts import sessions, users
from streams.store.account_tables import LOGIN_ATTEMPTS
from streams.store.database import Ledger
from streams.web.console import server
from streams.web.console.server import TimedProtocol, config_of, offer_link
from tests.support.accounts import create_user
from tests.support.console import ADDRESS, Console

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
    monkeypatch.setattr(server, "OF_ONE_PLACE", 2_000)
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


def test_a_place_has_its_share_of_the_connections(
    serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One address took all 4,000, and everybody else got 503."""
    monkeypatch.setattr(server, "OF_ONE_PLACE", 20)
    port = serving(APP)
    with ExitStack() as stack:
        halves = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            for _ in range(50)
        ]
        for client in halves[:30]:  # those that wait for longest make room
            assert is_closed(client)
        assert answer(port).endswith(b"read 4")


def test_where_all_connections_are_taken_the_largest_crowd_makes_room(
    serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 30)
    port = serving(APP)
    with ExitStack() as stack:

        def connect(source: str) -> socket.socket:
            client = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
            return stack.enter_context(client)

        few = connect("127.0.0.3")
        many = [connect("127.0.0.2") for _ in range(40)]
        assert all(is_closed(client) for client in many[:12])
        few.sendall(WHOLE)
        assert few.recv(4_096).startswith(b"HTTP/1.1 200")


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("size", [40_000_000, 5_000_000])
def test_a_response_that_is_not_read_is_ended(
    serving: Callable[[ASGIApp], int], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """It held a connection and an open file for as long as it liked."""
    monkeypatch.setattr(server, "SLOW_S", 0.3)
    ended = threading.Event()
    lost = TimedProtocol.connection_lost

    def connection_lost(self: TimedProtocol, exc: Exception | None) -> None:
        lost(self, exc)
        ended.set()

    monkeypatch.setattr(TimedProtocol, "connection_lost", connection_lost)

    async def large(_: Request) -> StreamingResponse:
        return StreamingResponse(bytes(100_000) for _ in range(size // 100_000))

    port = serving(Starlette(routes=[Route("/", large)]))
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert ended.wait(10)
        with suppress(ConnectionResetError):
            assert read_all(client) < size
    with socket.create_connection(("127.0.0.1", port), 10) as client:  # one that reads has all
        client.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert read_all(client) > size


def read_all(client: socket.socket) -> int:
    read = 0
    while part := client.recv(2**20):
        read += len(part)
    return read


@pytest.mark.parametrize(("trusted", "counted"), [("10.0.0.0/8", "203.0.113.7"), ("", "10.0.0.9")])
def test_who_is_behind_a_proxy_is_believed_of_ours_alone(
    opened: Callable[..., Console], tmp_path: Path, trusted: str, counted: str
) -> None:
    console = opened(f"sqlite:///{tmp_path}/ledger.db", trusted_proxies=trusted)
    config = config_of(console.app, console.settings)
    config.load()
    client = TestClient(config.loaded_app, base_url=ADDRESS, client=("10.0.0.9", 4711))
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "Sec-Fetch-Site": "same-origin"}
    form = {"before": mark[1], "name": "Ada", "password": "x"}
    assert client.post("/login", data=form, headers=forwarded).status_code == 401
    with console.resources.ledger.reading() as connection:
        marks = connection.scalars(sqlalchemy.select(LOGIN_ATTEMPTS.c.address)).all()
    assert marks == [counted]  # nor is what a client wrote before our proxy's own entry


class Out(StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


OIDC = {"oidc_issuer": "https://a", "oidc_client_id": "b", "oidc_client_secret": "c"}


@pytest.mark.parametrize(
    ("terminal", "more", "printed"), [(True, {}, True), (False, {}, False), (True, OIDC, False)]
)
def test_a_link_is_printed_to_a_terminal_where_passwords_let_in(
    ledger: Ledger, terminal: bool, more: dict[str, str], printed: bool
) -> None:
    out = Out(terminal)
    offer_link(ledger, Settings.model_validate(more), "http://a", out)
    assert ("http://a/enter/" in out.getvalue()) is printed
    assert bool(users.everybody(ledger)) is printed


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({}, False),
        ({"console_url": "https://a.example"}, True),
        ({"console_url": "https://a.example", "trusted_proxies": "10.0.0.0/8"}, False),
    ],
)
def test_a_proxy_that_is_not_named_is_warned_of(more: dict[str, str], warned: bool) -> None:
    with capture_logs() as logs:
        config_of(FastAPI(), Settings.model_validate(more))
    assert ("no_trusted_proxies" in str(logs)) is warned


@pytest.mark.parametrize("way", ["link", "password", "oidc"])
def test_no_link_is_printed_once_somebody_has_logged_in(ledger: Ledger, way: str) -> None:
    if way == "link":
        ada = create_user(ledger, "Ada", "viewer")
        _, token = sessions.link(ledger, ada.user_id, "test")
        sessions.enter(ledger, token, "10.0.0.1")
    elif way == "password":
        create_user(ledger, "Ada", "viewer", "correct horse battery")
    else:
        with ledger.transaction() as connection:
            users.add(connection, "Ada", "viewer", "oidc", "issuer#1")
    out = Out(terminal=True)
    offer_link(ledger, Settings(), "http://a", out)
    assert out.getvalue() == ""


def test_the_console_needs_no_pytorch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, streams.web.console.server; "
        "print([m for m in ('torch', 'matplotlib', 'faust') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
