"""The console's application: pages at ``/``, the API at ``/v1``, static files."""

from pathlib import Path
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.runtime import tracing
from streams.services import signed_links
from streams.services.accounts.oidc import Oidc
from streams.web.api import app as api
from streams.web.api import problems
from streams.web.api.callers import RateLimit
from streams.web.api.multipart import SMALL_BYTES
from streams.web.api.problems import ProblemError
from streams.web.api.resources import AppResources
from streams.web.artist import guests, rights_forms, rights_pages
from streams.web.artist import pages as artist_pages
from streams.web.artist import render as artist_render
from streams.web.console import (
    admin,
    appeals,
    audio,
    check,
    dead_letters,
    links,
    login,
    quality,
    queue,
    rightsholders,
    statements,
    tracks,
)
from streams.web.console.auth import LoginNeeded
from streams.web.console.render import error_page

log = structlog.get_logger()

STATIC: Final = Path(__file__).resolve().parent / "static"
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-frame-options": "DENY",
}
PAGES: Final = (
    login,
    check,
    queue,
    tracks,
    audio,
    appeals,
    links,
    rightsholders,
    quality,
    admin,
    statements,
    dead_letters,
)


def create(resources: AppResources, address: str) -> ASGIApp:
    """Return the console with the API; browsers reach it at ``address``."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, max_body_size=SMALL_BYTES)
    app.state.resources = resources
    app.state.address = address
    app.state.secure = address.startswith("https://")
    app.state.oidc = Oidc(resources.settings, address) if resources.settings.oidc_issuer else None
    app.state.login_limit = RateLimit(login.TRIES_PER_MINUTE)
    app.state.artist_limit = RateLimit(guests.PER_MINUTE)
    app.state.preview_limit = RateLimit(rights_forms.PREVIEWS_PER_MINUTE)
    app.mount("/artist/static", StaticFiles(directory=artist_render.STATIC))
    for page in (*PAGES, artist_pages, rights_pages):
        app.include_router(page.router)
    app.mount("/v1", api.create(resources))
    app.mount("/static", StaticFiles(directory=STATIC))
    _install_errors(app)
    return SecureHeaders(Traced(app), secure=app.state.secure)


def _install_errors(app: FastAPI) -> None:
    @app.exception_handler(LoginNeeded)
    def login(request: Request, error: LoginNeeded) -> Response:
        if request.method != "GET" or "application/json" in request.headers.get("accept", ""):
            return error_page(request, 401, "You are not logged in, or no longer.")
        return RedirectResponse(error.location, 303)

    def answer(request: Request, error: ProblemError) -> Response:
        text = "There is no such page." if error.code == "not_found" else error.detail
        of_artists = request.url.path.startswith(f"{signed_links.PAGE}/")
        page = (artist_render.error_page if of_artists else error_page)(request, error.status, text)
        page.headers.update(error.headers)
        return page

    problems.install(app, answer)


class Traced:
    """Makes each request that changes something a span, which begins a trace.

    The caller's ``traceparent`` is an attribute of it: callers do not decide what is traced.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, within a span."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        method, parent = scope["method"], Headers(scope=scope).get("traceparent", "")
        attributes = {"http.request.header.traceparent": parent[: tracing.LONGEST]}
        with tracing.span(method, "server", headers=(), attributes=attributes):
            await self.app(scope, receive, send)
            route = getattr(scope.get("route"), "path", None)  # known once it has been answered
            if route is not None:
                tracing.note({"http.route": route}, f"{method} {scope['root_path']}{route}")


class SecureHeaders:
    """Adds the headers that every answer carries; pages are never cached."""

    def __init__(self, app: Any, *, secure: bool) -> None:
        self.app = app
        extra = {"strict-transport-security": "max-age=31536000"} if secure else {}
        self._headers = HEADERS | extra

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_static = scope["path"].startswith(("/static/", "/artist/static/"))
        cached = "max-age=300" if is_static else "no-store"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (self._headers | {"cache-control": cached}).items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)
