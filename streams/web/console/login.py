"""Log-in, one-time links, OIDC, log-out, and the visitor's own settings."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from streams.services.accounts import sessions, users
from streams.services.accounts.oidc import Oidc, OidcRefused, Started
from streams.services.accounts.roles import Role
from streams.services.accounts.sessions import BadLink
from streams.services.accounts.users import AccountError, TooManyTries, WrongLogin
from streams.web.api.callers import RateLimit, address_of
from streams.web.api.resources import resources_of
from streams.web.console import auth
from streams.web.console.auth import COOKIE, Anyone, Form, PageError, Visitor, text
from streams.web.console.render import fault_of, page, set_cookie

router = APIRouter()
OIDC = "earmark_oidc"
WORKS_AT_THE_QUEUE = (Role.REVIEWER, Role.LEAD)
TRIES_PER_MINUTE = 30  # from one address; more are answered without asking the ledger
BEFORE = "earmark_login"  # a form of a log-in page proves that it is of this browser by it
Next = Annotated[str, Query(max_length=2_000)]


@router.get("/")
def home(visitor: Anyone) -> Response:
    """Lead to the first page: where there is work for the visitor."""
    if visitor.user.role in WORKS_AT_THE_QUEUE:
        return RedirectResponse("/queue", 303)
    return RedirectResponse("/check" if visitor.may("upload") else "/tracks", 303)


@router.get("/login")
def login_page(request: Request, next: Next = "/") -> Response:
    """Ask for name and password."""
    return _login(request, next)


@router.post("/login")
def login(request: Request, form: Form) -> Response:
    """Log in, where name and password go together."""
    address = _checked_address(request, form)
    ledger, target = resources_of(request).ledger, auth.local(text(form, "next", 2_000))
    name, password = text(form, "name", 200), str(form.get("password", ""))[:2_000]
    try:
        user = users.log_in(ledger, name, password, address)
    except (WrongLogin, TooManyTries) as error:
        status = 401 if isinstance(error, WrongLogin) else 429
        return _login(request, target, status, fault_of(error), name)
    return _entered(request, sessions.begin(ledger, user), target)


@router.get("/enter/{token}")
def enter_page(request: Request, token: str) -> Response:
    """Show a page that uses the link; looking at it (a preview does) uses nothing up."""
    return _marked_page(request, "enter.html", token=token)


@router.post("/enter/{token}")
def enter(request: Request, token: str, form: Form) -> Response:
    """Log in by a one-time link."""
    address = _checked_address(request, form)
    ledger = resources_of(request).ledger
    try:
        session = sessions.enter(ledger, token, address)
    except BadLink as error:
        raise PageError(410, fault_of(error)) from error
    begun = sessions.find(ledger, session)
    # the first admin, whose link `make run` prints anew with each start, may go without
    is_new = begun is not None and not (begun.user.has_password or begun.user.role == Role.ADMIN)
    return _entered(request, session, "/me?new=1" if is_new else "/")


@router.get("/oidc/start")
def oidc_start(request: Request, next: Next = "/") -> Response:
    """Send the browser to the OpenID provider."""
    login = _oidc(request).start()
    answer = RedirectResponse(login.url, 303)
    started = {"s": login.state, "n": login.nonce, "v": login.verifier, "next": auth.local(next)}
    value = urlsafe_b64encode(orjson.dumps(started)).decode()
    # lax: the provider sends the browser back from another site
    set_cookie(request, answer, OIDC, value, max_age=600, samesite="lax", path="/oidc")
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
    _throttle(request)
    ledger = resources_of(request).ledger
    try:
        user = _oidc(request).finish(ledger, login, state, code)
    except OidcRefused as refused:
        raise PageError(403, fault_of(refused)) from refused
    answer = _entered(request, sessions.begin(ledger, user), target)
    answer.delete_cookie(OIDC, path="/oidc")
    return answer


def _oidc(request: Request) -> Oidc:
    oidc: Oidc | None = request.app.state.oidc
    if oidc is None:
        raise PageError(404, "Logging in by an organisation is not set up here.")
    return oidc


@router.post("/logout")
def logout(visitor: Anyone, form: Form) -> Response:
    """Log out."""
    sessions.end(visitor.resources.ledger, visitor.request.cookies.get(COOKIE, ""), visitor.user)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/me")
def me(visitor: Anyone, new: bool = False) -> Response:
    """Show one's own settings; a new user is asked for a password."""
    return _me(visitor, new)


def _me(visitor: Visitor, new: bool, fault: str = "") -> Response:
    return visitor.page("me.html", new=new, fault=fault)


@router.post("/me")
def change_me(visitor: Anyone, form: Form) -> Response:
    """Change one's own password, or blind mode."""
    ledger = visitor.resources.ledger
    if text(form, "what") == "blind":
        users.set_blind(ledger, visitor.user, text(form, "blind") == "on")
        return RedirectResponse("/me", 303)
    new = bool(text(form, "new"))
    password, old = (str(form.get(name, ""))[:2_000] for name in ("password", "old"))
    if password != str(form.get("again", "")):
        return _me(visitor, new, fault="The two do not agree.")
    try:
        token = sessions.change_password(
            ledger, visitor.session, password, old, address_of(visitor.request)
        )
    except WrongLogin:
        return _me(visitor, new, fault="The old password is not right.")
    except (AccountError, TooManyTries) as error:
        return _me(visitor, new, fault=fault_of(error))
    return _entered(visitor.request, token, "/" if new else "/me")


def _login(
    request: Request, target: str, status: int = 200, fault: str = "", name: str = ""
) -> Response:
    return _marked_page(
        request, "login.html", status, fault=fault,
        next=auth.local(target), name=name, oidc=request.app.state.oidc is not None,
    )  # fmt: skip


def _marked_page(
    request: Request, template: str, status: int | None = None, **values: Any
) -> Response:
    """Return a page whose form goes with a cookie of this browser."""
    mark = secrets.token_hex()
    answer = page(request, template, status, before=mark, **values)
    set_cookie(request, answer, BEFORE, mark)
    return answer


def _checked_address(request: Request, form: FormData) -> str:
    """Return the address of a browser that sends a marked form, and not too often."""
    auth.same_origin(request)
    cookie, mark = request.cookies.get(BEFORE, ""), text(form, "before")
    if not cookie or not secrets.compare_digest(cookie.encode(), mark.encode(errors="replace")):
        raise PageError(403, "This page is too old: load it again.")
    return _throttle(request)


def _throttle(request: Request) -> str:
    """Return the address of a browser that does not come too often."""
    address = address_of(request)
    limit: RateLimit = request.app.state.login_limit
    limit.take(users.place_of(address), "tries from your address")
    return address


def _entered(request: Request, token: str, target: str) -> Response:
    """Give the browser its session, and lead on."""
    answer = RedirectResponse(target, 303)
    lasts = int(sessions.SESSION_LIFETIME.total_seconds())
    set_cookie(request, answer, COOKIE, token, max_age=lasts, samesite="lax")
    return answer
