"""Log-in, one-time links, OIDC, log-out, and the visitor's own settings."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from streams.services.accounts import sessions, users
from streams.services.accounts.oidc import Oidc, OidcRefused, Started
from streams.services.accounts.sessions import BadLink
from streams.services.accounts.users import AccountError, TooManyTries, WrongLogin
from streams.web.api.resources import resources_of
from streams.web.console import auth
from streams.web.console.auth import COOKIE, Anyone, Form, PageError, text
from streams.web.console.render import page

router = APIRouter()
OIDC = "earmark_oidc"
TRIES_PER_MINUTE = 30  # from one address; more are answered without asking the ledger
BEFORE = "earmark_login"  # a form of a log-in page proves that it is of this browser by it


@router.get("/")
def home(visitor: Anyone) -> Response:
    """Lead to the first page."""
    return RedirectResponse("/check" if visitor.may("upload") else "/tracks", 303)


@router.get("/login")
def login_page(request: Request, next: Annotated[str, Query(max_length=2_000)] = "/") -> Response:
    """Ask for name and password."""
    return _login(request, next)


@router.post("/login")
def login(request: Request, form: Form) -> Response:
    """Log in, where name and password go together."""
    _before(request, text(form, "before"))
    _not_too_often(request)
    resources, target = resources_of(request), auth.local(text(form, "next", 2_000))
    address = request.client.host if request.client else "?"
    name, password = text(form, "name", 200), str(form.get("password", ""))[:2_000]
    try:
        user = users.log_in(resources.ledger, name, password, address)
    except WrongLogin as error:
        return _login(request, target, 401, error.detail, name)
    except TooManyTries as error:
        return _login(request, target, 429, error.detail, name)
    answer = RedirectResponse(target, 303)
    auth.remember(request, answer, sessions.begin(resources.ledger, user))
    return answer


@router.get("/enter/{token}")
def enter_page(request: Request, token: str) -> Response:
    """Show a page that uses the link; looking at it (a preview does) uses nothing up."""
    answer = page(request, "enter.html", token=token, before=(mark := secrets.token_hex()))
    _mark(request, answer, mark)
    return answer


@router.post("/enter/{token}")
def enter(request: Request, token: str, form: Form) -> Response:
    """Log in by a one-time link."""
    _before(request, text(form, "before"))
    _not_too_often(request)
    address = request.client.host if request.client else "?"
    try:
        session = sessions.enter(resources_of(request).ledger, token, address)
    except BadLink as error:
        raise PageError(410, f"{error.detail}.".capitalize()) from error
    answer = RedirectResponse("/", 303)
    auth.remember(request, answer, session)
    return answer


@router.get("/oidc/start")
def oidc_start(request: Request, next: Annotated[str, Query(max_length=2_000)] = "/") -> Response:
    """Send the browser to the OpenID provider."""
    login = _oidc(request).start()
    answer = RedirectResponse(login.url, 303)
    started = {"s": login.state, "n": login.nonce, "v": login.verifier, "next": auth.local(next)}
    answer.set_cookie(
        OIDC,
        urlsafe_b64encode(orjson.dumps(started)).decode(),
        max_age=600,
        httponly=True,
        samesite="lax",  # the provider sends the browser back from another site
        secure=request.app.state.secure,
        path="/oidc",
    )
    return answer


@router.get("/oidc/back")
def oidc_back(
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=5_000)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """Log in whom the provider sends back."""
    if error or not code:
        raise PageError(403, "Your organisation's log-in did not let you in.")
    try:
        started = orjson.loads(urlsafe_b64decode(request.cookies.get(OIDC, "")))
        login = Started("", started["s"], started["n"], started["v"])
        target = auth.local(str(started["next"]))
    except (ValueError, KeyError, TypeError) as broken:
        raise PageError(403, "This log-in was not begun in this browser; begin again.") from broken
    resources = resources_of(request)
    try:
        user = _oidc(request).finish(resources.ledger, login, state, code)
    except OidcRefused as refused:
        raise PageError(403, f"{refused.detail[:1].upper()}{refused.detail[1:]}.") from refused
    answer = RedirectResponse(target, 303)
    auth.remember(request, answer, sessions.begin(resources.ledger, user))
    answer.delete_cookie(OIDC, path="/oidc")
    return answer


def _oidc(request: Request) -> Oidc:
    oidc: Oidc | None = request.app.state.oidc
    if oidc is None:
        raise PageError(404, "Logging in by an organisation is not set up here.")
    return oidc


@router.post("/logout")
def logout(request: Request, visitor: Anyone, form: Form) -> Response:
    """Log out."""
    sessions.end(resources_of(request).ledger, request.cookies.get(COOKIE, ""), visitor.user)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/me")
def me(request: Request, visitor: Anyone) -> Response:
    """Show one's own settings."""
    return page(request, "me.html", fault=None)


@router.post("/me")
def change_me(request: Request, visitor: Anyone, form: Form) -> Response:
    """Change one's own password, or blind mode."""
    ledger = resources_of(request).ledger
    if text(form, "what") == "blind":
        users.set_blind(ledger, visitor.user, text(form, "blind") == "on")
        return RedirectResponse("/me", 303)
    password = str(form.get("password", ""))
    if password != str(form.get("again", "")):
        return page(request, "me.html", 422, fault="The two do not agree.")
    try:
        token = sessions.change_password(ledger, visitor.user, password)
    except AccountError as error:
        return page(request, "me.html", 422, fault=error.detail.capitalize())
    answer = RedirectResponse("/me", 303)
    auth.remember(request, answer, token)  # all others of this user have ended
    return answer


def _login(
    request: Request, target: str, status: int = 200, fault: str = "", name: str = ""
) -> Response:
    mark = secrets.token_hex()
    answer = page(
        request,
        "login.html",
        status,
        next=auth.local(target),
        fault=fault,
        name=name,
        before=mark,
        oidc=resources_of(request).settings.oidc_issuer is not None,
    )
    _mark(request, answer, mark)
    return answer


def _not_too_often(request: Request) -> None:
    address = request.client.host if request.client else "?"
    if request.app.state.login_limit.wait_s(users.place_of(address)):
        raise PageError(429, "Too many tries from your address; wait a minute.")


def _mark(request: Request, answer: Response, mark: str) -> None:
    answer.set_cookie(
        BEFORE, mark, httponly=True, samesite="strict", secure=request.app.state.secure
    )


def _before(request: Request, mark: str) -> None:
    auth.same_origin(request)
    cookie = request.cookies.get(BEFORE, "")
    if not cookie or not secrets.compare_digest(cookie.encode(), mark.encode(errors="replace")):
        raise PageError(403, "This page is too old: load it again.")
