"""Authentication of console visitors: sessions by cookie, rights by route, CSRF tokens.

Every page names the right that it needs by ``needs``; a test reads it off all routes. A request
that changes anything also carries the session's token: ``csrf`` in a form, ``X-CSRF-Token`` from
a script. Its origin must be a page of the console.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from streams.services import reviews
from streams.services.accounts import sessions
from streams.services.accounts.roles import Right
from streams.services.accounts.sessions import Session
from streams.services.accounts.users import User
from streams.web.api.resources import resources_of

COOKIE: Final = "earmark_session"
SAFE: Final = ("GET", "HEAD")
MOST_FIELDS: Final = 1_000
BLIND: Final = (
    "You are to judge this recording by listening. The findings about it are shown again when "
    "its task has been decided. (Blind mode is in your settings.)"
)


class LoginNeeded(Exception):
    """There is no session: leads to the log-in page."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.location = f"/login?next={quote(path, safe='/')}" if path != "/" else "/login"


class PageError(Exception):
    """Ends a request with a page that gives the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.text = status, message


@dataclass(frozen=True)
class Visitor:
    """A person who is logged in."""

    session: Session

    @property
    def user(self) -> User:
        """The account."""
        return self.session.user

    def may(self, right: str) -> bool:
        """Whether the visitor has a right; templates pass its name."""
        return self.user.may(Right(right))


class Needs:
    """A dependency: the visitor is logged in and has this right (None: any account)."""

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, request: Request) -> Visitor:
        """Return the visitor, or end the request."""
        resources = resources_of(request)
        token = request.cookies.get(COOKIE, "")
        session = sessions.find(resources.ledger, token) if token else None
        if session is None:
            raise LoginNeeded(request.url.path)
        visitor = Visitor(session)
        request.state.visitor = visitor
        if request.method not in SAFE:
            same_origin(request)
        if self.right is not None and not visitor.user.may(self.right):
            resources.note_view(visitor.user.user_id, "refused", request.url.path)
            raise PageError(403, f"Your role ({visitor.user.role}) may not do this.")
        if request.method not in SAFE and "x-csrf-token" in request.headers:
            _check(visitor, request.headers["x-csrf-token"])
        return visitor


def needs(right: Right | None) -> Any:
    """Return the dependency that demands a right."""
    return Depends(Needs(right))


Anyone = Annotated[Visitor, needs(None)]
CanRead = Annotated[Visitor, needs(Right.READ)]
CanUpload = Annotated[Visitor, needs(Right.UPLOAD)]
CanReview = Annotated[Visitor, needs(Right.REVIEW)]
CanReceiveAppeals = Annotated[Visitor, needs(Right.APPEAL_INTAKE)]
CanDecideAppeals = Annotated[Visitor, needs(Right.APPEALS)]
CanMeasure = Annotated[Visitor, needs(Right.QUALITY)]
CanReadPolicy = Annotated[Visitor, needs(Right.POLICY)]
CanAdmin = Annotated[Visitor, needs(Right.ADMIN)]


def same_origin(request: Request) -> None:
    """Refuse requests that another site makes the browser send.

    Raises:
        PageError: it does not come from one of our pages.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site not in (None, "same-origin", "none")
    if origin is not None and origin != "null":
        foreign = foreign or urlsplit(origin).netloc != request.headers.get("host")
    if foreign or origin == "null":
        raise PageError(403, "This did not come from a page of the console.")


async def _form(request: Request) -> FormData:
    """Return a form of a page of this session.

    How large it may be is the application's limit (``max_body_size``).

    Raises:
        PageError: it carries no token, or another session's.
    """
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is not None:
        _check(visitor, str(form.get("csrf", "")))
    return form


Form = Annotated[FormData, Depends(_form)]


def token_needed(request: Request, visitor: Visitor) -> None:
    """Demand the token of a script, where the body is no form.

    Raises:
        PageError: it is missing (a wrong one has been refused before).
    """
    if "x-csrf-token" not in request.headers:
        raise PageError(403, "The token is missing; load the page again.")


def _check(visitor: Visitor, csrf: str) -> None:
    if not visitor.session.accepts(csrf):
        raise PageError(403, "This page is too old: go back, load it again, and repeat.")


def remember(request: Request, response: Response, token: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(sessions.LASTS.total_seconds()),
        httponly=True,
        secure=request.app.state.secure,
        samesite="lax",
        path="/",
    )


def text(form: FormData, name: str, most: int = 10_000) -> str:
    """Return a field of a form as text, cut to what is sensible."""
    value = form.get(name, "")
    return value.strip()[:most] if isinstance(value, str) else ""


def texts(form: FormData, name: str) -> tuple[str, ...]:
    """Return all values of a field."""
    return tuple(value for value in form.getlist(name) if isinstance(value, str))


def local(path: str) -> str:
    """Return a path of our own to go to, whatever was asked for."""
    parts = urlsplit(path)
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_local and path.isprintable() else "/"


def not_blind(request: Request, visitor: Visitor, track_id: str) -> None:
    """Refuse a page about a track that the visitor must judge by listening.

    Raises:
        PageError: an open task about it is blind to them.
    """
    if blind_among(request, visitor, [track_id]):
        raise PageError(403, BLIND)


def blind_among(request: Request, visitor: Visitor, track_ids: Iterable[str]) -> frozenset[str]:
    """Return the tracks of a list whose findings must stay hidden from the visitor."""
    with resources_of(request).ledger.reading() as connection:
        return reviews.blind_tracks(connection, visitor.user, list(track_ids))
