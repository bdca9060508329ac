"""``earmark worker console``: one process with the console and the HTTP API."""

import asyncio
import socket
import sys
from collections import Counter
from contextlib import suppress
from typing import Final, TextIO
from weakref import WeakKeyDictionary

import h11
import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from detector.errors import EarmarkError, Fatal
from streams.runtime import logs, metrics, tracing
from streams.runtime.health import Health, serve
from streams.runtime.processes import end_within
from streams.runtime.settings import Settings
from streams.services.accounts.sessions import first_link
from streams.services.accounts.users import place_of
from streams.store.database import Ledger
from streams.web.api.resources import AppResources
from streams.web.console.app import create

log = structlog.get_logger()

GRACE_S: Final = 5
SLOW_S: Final = 20.0
SLOW_BYTES: Final = 20_000  # fewer in SLOW_S end a request, or a response that is not read
CONNECTIONS: Final = 4_000  # at once; each may hold a head of 32 KB
OF_ONE_PLACE: Final = 200  # of those; our own proxies have all


def run_console(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    logs.configure(settings.log_level, processor="console")
    tracing.configure(settings, "console")
    health = Health("ledger_open", "serving")
    metrics.begin_console()
    port = serve(health, settings.metrics_host, settings.metrics_port)
    log.info("console_started", port=port)
    try:
        return asyncio.run(_serve(settings, health))
    except EarmarkError as error:
        log.error("console_failed", error=str(error))
    except Exception:
        log.exception("console_failed")
    return 1


async def _serve(settings: Settings, health: Health) -> int:
    listener = _listen(settings)
    with AppResources.open(settings) as resources:
        health.set("ledger_open", True)
        address = settings.console_address(listener.getsockname()[1])
        offer_link(resources.ledger, settings, address, sys.stdout)
        server = uvicorn.Server(config_of(create(resources, address), settings))
        beating = asyncio.create_task(_beat(server, health))
        log.info("console_serving", address=address)
        with suppress(KeyboardInterrupt):
            await server.serve(sockets=[listener])
        end_within(GRACE_S + 15)
        beating.cancel()
    log.info("console_stopped")
    return 0


def offer_link(ledger: Ledger, settings: Settings, address: str, out: TextIO) -> None:
    """Print a link for the first admin, to a terminal alone: many people read a log."""
    if out.isatty() and settings.oidc_issuer is None and (link := first_link(ledger)):
        text = f"console  {address}/enter/{link}  (once, signs in the first admin)"
        print(text, file=out, flush=True)


def config_of(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Return how the app is served: which proxies are believed, and what is bounded."""
    if settings.console_url and not settings.trusted_proxies:
        log.warning(
            "no_trusted_proxies",
            hint="behind a proxy all log-ins seem to come from one address, and thirty wrong "
            "ones shut everybody out: set EARMARK_TRUSTED_PROXIES to the proxy's network",
        )
    return uvicorn.Config(
        app,
        http=TimedProtocol,
        limit_concurrency=CONNECTIONS,
        access_log=False,
        log_config=None,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=32 * 1024,
    )


PLACES: Final[WeakKeyDictionary[ServerState, Counter[str | None]]] = WeakKeyDictionary()
"""How many connections each place has, for each server."""


class TimedProtocol(H11Protocol):
    """Closes connections that are slow to send or to read, and those that are too many.

    uvicorn waits for ever, and serves the first that come.
    """

    place: str | None = None  # that connections are counted by; None: no more
    since = 0.0
    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override] # as uvicorn's
        self, transport: asyncio.Transport
    ) -> None:
        """Make room, and await the head of the first request."""
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        self.place, self.since = place_of(host), self.loop.time()
        self._places = PLACES.setdefault(self.server_state, Counter())
        self._places[self.place] += 1
        self._make_room(is_proxy=host in getattr(self.app, "trusted_hosts", ()))
        self._watch()

    def _make_room(self, *, is_proxy: bool) -> None:
        """End the connection that waits for longest, of a place that has more than its share."""
        is_crowded = self._places[self.place] > OF_ONE_PLACE and not is_proxy
        if not is_crowded and self._places.total() < CONNECTIONS:
            return
        place = self.place if is_crowded else self._places.most_common(1)[0][0]
        served = [one for one in self.connections if isinstance(one, TimedProtocol)]
        waiting = [one for one in served if one.place == place and one.awaits_a_head]
        others = [one for one in waiting if one is not self]
        oldest = min(others, key=lambda one: one.since, default=None)
        if oldest is not None:
            oldest.end()
        elif is_crowded:
            self.end()

    def end(self) -> None:
        """Close the connection at once."""
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        if self.place is not None:
            self._places[self.place] -= 1
            if not self._places[self.place]:
                del self._places[self.place]  # there are very many addresses
            self.place = None

    @property
    def awaits_a_head(self) -> bool:
        """Whether nothing is answered here, and no request has come whole to its body."""
        return self.conn.their_state is h11.IDLE

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        self._arrived += len(data)
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Await a client that does not read; while paused, nothing more is written."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """Await the rest alone."""
        super().resume_writing()
        self._stop_reader()
        self._flush_soon()

    def on_response_complete(self) -> None:
        """Await the end of what is still to be sent, where this was the last response."""
        super().on_response_complete()
        self._flush_soon()

    def timeout_keep_alive_handler(self) -> None:
        """Await the end of what is still to be sent."""
        super().timeout_keep_alive_handler()
        self._flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing any more."""
        self._leave()
        self._stop()
        self._stop_reader()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop()
        elif self._timer is None:
            self._arrived = 0
            self._timer = self.loop.call_later(SLOW_S, self._judge)

    def _judge(self) -> None:
        self._timer = None
        if self._arrived < SLOW_BYTES and not self.flow.read_paused:  # paused: we are slow
            self.transport.abort()
        else:
            self._watch()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader = self.loop.call_later(SLOW_S, self._judge_reader, unread)

    def _judge_reader(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < SLOW_BYTES:
            self.transport.abort()
        else:
            self._watch_reader()

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _flush_soon(self) -> None:
        """A transport that closes waits for ever until its client has read the rest."""
        if self.transport.is_closing() and not self.flow.write_paused:
            self.loop.call_later(SLOW_S, self.transport.abort)


async def _beat(server: uvicorn.Server, health: Health) -> None:
    while True:
        health.beat()
        health.set("serving", server.started)
        await asyncio.sleep(0.2)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.console_host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.console_host, settings.console_port))
    except OSError as error:
        at = f"{settings.console_host}:{settings.console_port}"
        raise Fatal(f"the console cannot listen at {at}: {error.strerror}") from error
    return listener
