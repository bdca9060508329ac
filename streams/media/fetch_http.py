"""http(s) uploads and webhooks: never to an internal address (server-side request forgery).

An outsider chooses the URI, so the host name, its address and every redirect are hostile.
The name is resolved once, each address is checked, and the connection goes to the checked
address itself. So a resolver that answers differently the next time changes nothing.

Only publicly routable addresses pass. Loopback, private, link-local (cloud metadata), shared,
multicast and reserved ones do not, nor do IPv6 forms of such an IPv4 address. Proxies of the
environment are not used. Hosts that the operator names pass by name.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError, MaxRetryError
from urllib3.util import Retry, Timeout, parse_url

from detector.errors import BadInput, SenderAway

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], list[str]]

MAX_REDIRECTS: Final = 3
CONNECT_S: Final = 10.0
READ_S: Final = 20.0
# IPv6 that a gateway turns into IPv4: the embedded address decides, so none of it passes
_TRANSLATED: Final = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))
# What ipaddress takes for global and is not: services of clouds, relays, site-local, documentation
_INSIDE: Final = tuple(
    map(
        ip_network,
        ("168.63.129.16", "192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20", "5f00::/16"),
    )
)


class Http:
    """Opens http(s) URIs under the rules above; safe to use from several threads."""

    def __init__(
        self,
        timeout_s: float,
        resolver: Resolver | None = None,
        allowed: Callable[[Address], bool] | None = None,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._timeout_s, self._hosts = timeout_s, hosts
        self._resolver, self._allowed = resolver or resolve, allowed or is_public
        self._call = threading.local()
        guards = (self._connect, self._watch)
        self._pool = urllib3.PoolManager(
            num_pools=16,
            timeout=Timeout(connect=min(CONNECT_S, timeout_s), read=min(READ_S, timeout_s)),
            retries=Retry(total=MAX_REDIRECTS, redirect=MAX_REDIRECTS, connect=0, read=0, status=0),
        )
        self._pool.pool_classes_by_scheme = {
            "http": _pool_class(HTTPConnectionPool, HTTPConnection, *guards),
            "https": _pool_class(HTTPSConnectionPool, HTTPSConnection, *guards),
        }

    @contextmanager
    def open(self, uri: str) -> Iterator[Any]:
        """Yield a readable response of urllib3; closes the connection after.

        Raises:
            BadInput: refused address, unknown host, an answer that will not change.
            SenderAway: no connection, a server error, too many requests.
        """
        with self._ends_in_time() as is_over:
            with _http_errors():
                response = self._pool.request(
                    "GET", uri, preload_content=False, decode_content=False
                )
            try:
                _check_status(response.status)
                yield _Body(response, is_over)
            finally:
                response.close()

    def post(self, uri: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post once, on a connection of its own; return the status, whatever it is.

        No redirect is followed and only the status of the answer is read. The post ends after
        ``timeout_s``, however slow the other side is.

        Raises:
            BadInput: refused address, unknown host, no URI.
            SenderAway: no connection, no answer in time.
        """
        late = (f"no answer within {self._timeout_s:g} s", "too_slow")
        with self._ends_in_time() as is_over:
            try:
                with _http_errors():
                    response = self._pool.request(
                        *("POST", uri),
                        body=body,
                        headers={**headers, "Connection": "close"},
                        retries=False,
                        redirect=False,
                        preload_content=False,
                    )
            except SenderAway as error:
                if is_over():
                    raise SenderAway(*late) from error
                raise
            response.close()
            if is_over():  # half of an answer looks like a whole one to http.client
                raise SenderAway(*late)
            return response.status

    @contextmanager
    def _ends_in_time(self) -> Iterator[Callable[[], bool]]:
        """Cut this thread's connections after ``timeout_s``; yields whether that has happened."""
        sockets: list[socket.socket] = []
        over = threading.Event()

        def cut() -> None:
            over.set()
            for each in sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._timeout_s, cut)
        timer.daemon = True
        self._call.sockets, self._call.over = sockets, over
        timer.start()
        try:
            yield over.is_set
        finally:
            timer.cancel()
            self._call.sockets = None
            for each in sockets:
                each.close()

    def _connect(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        connected = self._connect_checked(host.strip("[]").rstrip("."), port, timeout_s)
        self._watch(connected)
        return connected

    def _watch(self, connected: socket.socket) -> None:
        """Have ``_ends_in_time`` cut a connection of this thread, new or used again."""
        sockets = getattr(self._call, "sockets", None)
        if sockets is not None:
            # TLS takes the descriptor over; a second one reaches the same connection.
            sockets.append(socket.socket(fileno=os.dup(connected.fileno())))
            if self._call.over.is_set():
                connected.close()
                raise TimeoutError("it took too long to connect")

    def _connect_checked(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        addresses = self._resolver(host, port)
        known = host.lower() in self._hosts
        if not known and not all(
            self._allowed(ip_address(each.partition("%")[0])) for each in addresses
        ):
            raise BadInput("refused_address", f"{host} leads to an address inside")
        deadline = time.monotonic() + (timeout_s or CONNECT_S)
        failure: OSError | None = None
        for address in addresses:
            try:
                left = max(0.1, deadline - time.monotonic())
                return socket.create_connection((address, port), left)
            except OSError as error:
                failure = error
        raise failure or OSError(f"{host} has no address")


class _Body:
    """A body that is read as a file; a connection that was cut is not its end."""

    def __init__(self, response: urllib3.BaseHTTPResponse, is_over: Callable[[], bool]) -> None:
        self._response, self._is_over = response, is_over
        self.size: int | None = getattr(response, "length_remaining", None)

    def read(self, size: int) -> bytes:
        block = self._response.read(size)
        if self._is_over():
            raise SenderAway("the body took too long", "too_slow")
        return block


def host_of(uri: str) -> str:
    """Return the host of an http(s) URI, as it would be asked for.

    Raises:
        BadInput: it is none, or names a host that cannot be one.
    """
    try:
        parts = parse_url(uri)
        host = (parts.host or "").strip("[]")
        host.encode("idna")  # what the resolver does
    except (LocationParseError, UnicodeError, ValueError) as error:
        raise BadInput("refused_address", "the URI cannot be parsed") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput("refused_address", "not http:// or https:// with a host")
    return host


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host.

    Raises:
        BadInput: the name does not exist.
        OSError: the resolver does not answer.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
            raise BadInput("unknown_host", f"no such host: {host}") from error
        raise
    except UnicodeError as error:
        raise BadInput("unknown_host", "the host name cannot be encoded") from error
    return list(dict.fromkeys(str(each[4][0]) for each in infos))


def is_public(address: Address) -> bool:
    """Whether an address is routable on the public internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED) or address.teredo:
            return False
    if any(address in network for network in _INSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _pool_class(
    pool: Any,
    connection: Any,
    connect: Callable[..., socket.socket],
    watch: Callable[[socket.socket], None],
) -> Any:
    """Return a pool of connections that ``connect`` makes and ``watch`` sees at each request."""

    class Guarded(connection):
        def _new_conn(self) -> socket.socket:
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else None
            try:
                return connect(self._dns_host, self.port, timeout)
            except OSError as error:
                raise urllib3.exceptions.NewConnectionError(self, str(error)) from error

        def request(self, *args: Any, **options: Any) -> None:
            if self.sock is not None:
                watch(self.sock)
            super().request(*args, **options)

    return type("GuardedPool", (pool,), {"ConnectionCls": Guarded})


@contextmanager
def _http_errors() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except MaxRetryError as error:
        if isinstance(error.reason, urllib3.exceptions.ResponseError):
            message = f"more than {MAX_REDIRECTS} redirects"
            raise BadInput("too_many_redirects", message) from error
        raise SenderAway(f"http: {type(error.reason).__name__}") from error
    except (LocationParseError, UnicodeError, ValueError) as error:
        raise BadInput("refused_address", "the URI cannot be parsed") from error
    except HTTPError as error:
        raise SenderAway(f"http: {type(error).__name__}") from error


def _check_status(status: int) -> None:
    answer = f"the server answers {status}"
    if status in (408, 425, 429) or status >= 500:
        raise SenderAway(answer, "server_error")
    if status != 200:
        reason = "missing_file" if status in (404, 410) else "refused_by_server"
        raise BadInput(reason, answer)
