"""http uploads: real servers on loopback, a resolver that stands in for the world's."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any, cast

import pytest

from detector.errors import BadInput, SenderAway
from streams.media.fetch import Fetcher
from streams.media.fetch_http import Address, Http, is_public, resolve

PUBLIC = "127.0.0.2"  # stands for an address outside, in these tests
INSIDE = "127.0.0.1"
BODY = b"audio" * 1_000


class Handler(BaseHTTPRequestHandler):
    """Answers by path; notes what was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        port = cast(Any, self.server).server_port
        redirects = {
            "/inside": f"http://inside.example:{port}/secret",
            "/literal": f"http://{INSIDE}:{port}/secret",
            "/loop": "/loop",
            "/file": "file:///etc/passwd",
            "/moved": f"http://music.example:{port}/a.wav",
        }
        if self.path in redirects:
            self.send_response(302)
            self.send_header("Location", redirects[self.path])
            self.end_headers()
            return
        statuses = {"/none": 404, "/busy": 503, "/forbidden": 403}
        if self.path in statuses:
            self.send_error(statuses[self.path])
            return
        if self.path == "/trickling-head":
            self.trickle(b"HTTP/1.0 200 OK\r\nX-Long: ")
            return
        self.send_response(200)
        if self.path == "/lying":
            self.send_header("Content-Length", "10")
        elif self.path == "/huge":
            self.send_header("Content-Length", str(10**12))
        elif self.path == "/cut":
            self.send_header("Content-Length", str(2 * len(BODY)))
        self.end_headers()
        if self.path.startswith("/trickling"):
            self.trickle(BODY)
            return
        if self.path == "/endless":
            while True:
                try:
                    self.wfile.write(BODY)
                except OSError:
                    return
        self.wfile.write(BODY)

    def trickle(self, data: bytes) -> None:
        with suppress(OSError):
            for byte in data * 100:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def server(address: str, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    item = ThreadingHTTPServer((address, port), Handler)
    item.daemon_threads = True
    if tls is not None:
        item.socket = tls.wrap_socket(item.socket, server_side=True)
    thread = threading.Thread(target=item.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield int(item.server_address[1])
    finally:
        item.shutdown()
        item.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    """One port with a server outside and another inside."""
    Handler.asked = []
    with server(PUBLIC) as number, server(INSIDE, number):
        yield number


def names(**hosts: list[str]) -> Callable[[str, int], list[str]]:
    def resolver(host: str, port: int) -> list[str]:
        return hosts.get(host.removesuffix(".example")) or resolve(host, port)

    return resolver


def only_public(address: Address) -> bool:
    return address == IPv4Address(PUBLIC)


def fetcher(tmp_path: Path, resolver: Callable[[str, int], list[str]] | None = None) -> Fetcher:
    world = resolver or names(music=[PUBLIC], inside=[INSIDE], both=[PUBLIC, INSIDE])
    return Fetcher(frozenset({"http", "https"}), (), 10_000, 5.0, Http(5.0, world, only_public))


def reason(fetcher: Fetcher, uri: str, spool: Path) -> str:
    with pytest.raises(BadInput) as caught:
        fetcher.fetch(uri, None, spool)
    assert list(spool.iterdir()) == []
    return caught.value.reason


def test_fetches_and_follows_to_another_place_outside(tmp_path: Path, port: int) -> None:
    for path in ("a.wav", "moved"):
        fetched = fetcher(tmp_path).fetch(f"http://music.example:{port}/{path}", None, tmp_path)
        assert fetched.path.read_bytes() == BODY
        fetched.path.unlink()


@pytest.mark.parametrize(
    "path",
    [
        "http://inside.example:{port}/secret",
        "http://both.example:{port}/secret",
        f"http://{INSIDE}:{{port}}/secret",
        "http://2130706433:{port}/secret",
        "http://0x7f.1:{port}/secret",
        "http://localhost:{port}/secret",
        "http://[::1]:{port}/secret",
        "http://[::ffff:127.0.0.1]:{port}/secret",
        "http://user@inside.example:{port}/secret",
        "http://music.example:{port}/inside",
        "http://music.example:{port}/literal",
    ],
)
def test_never_leads_inside(path: str, tmp_path: Path, port: int) -> None:
    assert reason(fetcher(tmp_path), path.format(port=port), tmp_path) == "refused_address"
    assert "/secret" not in Handler.asked, "nothing was asked of the address inside"


def test_a_resolver_that_changes_its_mind(tmp_path: Path, port: int) -> None:
    """DNS rebinding: the address that was judged is the one that is connected to."""
    answers = iter([[PUBLIC], [INSIDE], [INSIDE]])
    rebinding = fetcher(tmp_path, lambda host, port: next(answers))
    fetched = rebinding.fetch(f"http://evil.example:{port}/a.wav", None, tmp_path)
    fetched.path.unlink()
    assert "/secret" not in Handler.asked
    assert reason(rebinding, f"http://evil.example:{port}/inside", tmp_path) == "refused_address"


def test_no_proxy_of_the_environment_fetches_in_our_name(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look names up and connect by itself, past the guard."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{port}")
    fetched = fetcher(tmp_path).fetch(f"http://music.example:{port}/a.wav", None, tmp_path)
    fetched.path.unlink()
    assert Handler.asked == ["/a.wav"], "a proxy is asked for the whole address"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("loop", "too_many_redirects"),
        ("none", "missing_file"),
        ("forbidden", "refused_by_server"),
        ("huge", "too_large"),
        ("endless", "too_large"),
    ],
)
def test_answers_that_are_refused(path: str, expected: str, tmp_path: Path, port: int) -> None:
    assert reason(fetcher(tmp_path), f"http://music.example:{port}/{path}", tmp_path) == expected


@pytest.mark.parametrize("path", ["busy", "cut"])
def test_answers_that_may_change(path: str, tmp_path: Path, port: int) -> None:
    with pytest.raises(SenderAway):
        fetcher(tmp_path).fetch(f"http://music.example:{port}/{path}", None, tmp_path)


@pytest.mark.parametrize("path", ["trickling", "trickling-head"])
@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "used connection"])
def test_a_server_that_trickles_is_cut(path: str, warm: bool, tmp_path: Path, port: int) -> None:
    slow = Fetcher(
        *(frozenset({"http"}), (), 10_000, 60.0),
        Http(0.5, names(music=[PUBLIC]), only_public),
    )
    if warm:
        slow.fetch(f"http://music.example:{port}/a.wav", None, tmp_path)
    begun = time.monotonic()
    with pytest.raises(SenderAway):
        slow.fetch(f"http://music.example:{port}/{path}", None, tmp_path)
    assert time.monotonic() - begun < 20  # one that is not cut takes over a minute


def test_a_redirect_to_a_file_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises((BadInput, SenderAway)):
        fetcher(tmp_path).fetch(f"http://music.example:{port}/file", None, tmp_path)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind((PUBLIC, 0))
        number = free.getsockname()[1]
    with pytest.raises(SenderAway):
        fetcher(tmp_path).fetch(f"http://music.example:{number}/a.wav", None, tmp_path)


def test_https_checks_the_name_on_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=music.example", "-addext", "subjectAltName=DNS:music.example"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    Handler.asked = []
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    world = names(music=[PUBLIC], other=[PUBLIC])
    with server(PUBLIC, tls=tls) as number:
        fetch = fetcher(tmp_path, world)
        fetched = fetch.fetch(f"https://music.example:{number}/a.wav", None, spool)
        assert fetched.path.read_bytes() == BODY
        with pytest.raises(SenderAway):
            fetch.fetch(f"https://other.example:{number}/a.wav", None, spool)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0",
        "224.0.0.1 255.255.255.255 240.0.0.1 192.0.2.1 198.18.0.1",
        "::1 :: fe80::1 fc00::1 ff02::1 fd00:ec2::254 2001:db8::1",
        "168.63.129.16 192.0.0.192 192.88.99.1 fec0::1 3fff::1",
        "::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::a00:1 2002:7f00:1::",
    ],
)
def test_what_counts_as_inside(address: str) -> None:
    for item in address.split():
        assert not is_public(ip_address(item)), item


def test_what_counts_as_outside() -> None:
    for item in ("8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"):
        assert is_public(ip_address(item)), item
