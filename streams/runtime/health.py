"""``/metrics``, ``/live`` and ``/ready`` of one process, on one port.

Live: the main loop has beaten within ``STALLED_S``; else the process is to be restarted. Ready: all
conditions hold; the answer names those that do not. A thread of its own serves them.
"""

import threading
import time
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import orjson
from prometheus_client import make_wsgi_app

STALLED_S = 60.0


class Health:
    """Health of a process; safe to use from any thread."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = dict.fromkeys(conditions, False)
        self._beat = time.monotonic()
        self.failure: Exception | None = None  # ends the process: what it needs is missing

    def beat(self) -> None:
        """Record that the main loop is alive."""
        self._beat = time.monotonic()

    def set(self, condition: str, holds: bool) -> None:
        """Set whether a condition (``model_loaded``, ``partitions_assigned`` ...) holds."""
        self._conditions[condition] = holds

    @property
    def live(self) -> bool:
        """Whether the main loop has beaten within ``STALLED_S``."""
        return time.monotonic() - self._beat < STALLED_S

    @property
    def missing(self) -> list[str]:
        """The conditions that do not hold."""
        return [name for name, holds in self._conditions.items() if not holds]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a probe that went away or stayed silent."""


class _Quiet(WSGIRequestHandler):
    timeout = 10  # of one read: a silent connection holds its thread no longer

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""


def serve(health: Health, host: str, port: int) -> int:
    """Serve in a daemon thread; return the port (a free one when ``port`` is 0)."""
    metrics = make_wsgi_app()

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body: dict[str, object]
        match environ.get("PATH_INFO"):
            case "/metrics":
                answer: Iterable[bytes] = metrics(environ, start)
                return answer
            case "/live":
                good, body = health.live, {"live": health.live}
            case "/ready":
                missing = health.missing
                good, body = not missing, {"ready": not missing, "missing": missing}
            case _:
                start("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics /live /ready\n"]
        status = "200 OK" if good else "503 Service Unavailable"
        start(status, [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    server = make_server(host, port, app, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_port)
