"""Authentication of console visitors: sessions by cookie, rights by route, CSRF tokens.

Every page names the right that it needs by ``Needs``; a test reads it off all routes. A request
that changes anything also carries the session's token: ``csrf`` in a form, ``X-CSRF-Token`` from
a script. Its origin must be a page of the console.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from streams.services import reviews
from streams.services.accounts import sessions
from streams.services.accounts.roles import Right
from streams.services.accounts.sessions import Session
from streams.services.accounts.users import User
from streams.web.api.problems import ProblemError
from streams.web.api.resources import AppResources, resources_of
from streams.web.console.render import DONE, page, set_cookie

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


class PageError(ProblemError):
    """Ends a request with a page that gives the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, "page_error", message)


@dataclass(frozen=True)
class Visitor:
    """A person who is logged in, their request, and what its page is read from."""

    session: Session
    user: User
    request: Request
    resources: AppResources

    def may(self, right: str) -> bool:
        """Whether the visitor has a right; templates pass its name."""
        return self.user.may(Right(right))

    def page(self, template: str, status: int | None = None, **values: Any) -> Response:
        """Return a page; see ``render.page``."""
        return page(self.request, template, status, **values)

    def done(self, path: str, message: str) -> Response:
        """Redirect to a page that shows a message.

        By a cookie: a text in the address could come from a link that another site sends.
        """
        answer = RedirectResponse(path, 303)
        set_cookie(self.request, answer, DONE, quote(message), max_age=60)
        return answer

    def views(self, what: str, subject: str = "") -> AppResources:
        """Record that the visitor views something; return the resources to read it from."""
        self.resources.note_view(self.user.user_id, what, subject)
        return self.resources

    def blind_among(self, track_ids: Collection[str]) -> frozenset[str]:
        """Return the tracks of a list whose findings must stay hidden from the visitor."""
        with self.resources.ledger.reading() as connection:
            return reviews.blind_tracks(connection, self.user, track_ids)

    def must_not_be_blind(self, track_id: str) -> None:
        """Raise ``PageError`` where an open task about the track is blind to the visitor."""
        if self.blind_among([track_id]):
            raise PageError(403, BLIND)

    def must_send_token(self) -> None:
        """Raise ``PageError`` where a script sends no token (a wrong one is refused before)."""
        if "x-csrf-token" not in self.request.headers:
            raise PageError(403, "The token is missing; load the page again.")


class Needs:
    """A dependency: the visitor is logged in and has this right (None: any account)."""

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, request: Request) -> Visitor:
        """Return the visitor, or end the request."""
        token = request.cookies.get(COOKIE, "")
        resources = resources_of(request)
        session = sessions.find(resources.ledger, token) if token else None
        if session is None:
            raise LoginNeeded(request.url.path)
        request.state.visitor = visitor = Visitor(session, session.user, request, resources)
        if request.method not in SAFE:
            same_origin(request)
        if self.right is not None and not visitor.user.may(self.right):
            visitor.views("refused", request.url.path)
            raise PageError(403, f"Your role ({visitor.user.role}) may not do this.")
        if request.method not in SAFE and "x-csrf-token" in request.headers:
            _check(visitor, request.headers["x-csrf-token"])
        return visitor


Anyone = Annotated[Visitor, Depends(Needs(None))]
CanRead = Annotated[Visitor, Depends(Needs(Right.READ))]
CanUpload = Annotated[Visitor, Depends(Needs(Right.UPLOAD))]
CanReview = Annotated[Visitor, Depends(Needs(Right.REVIEW))]
CanReceiveAppeals = Annotated[Visitor, Depends(Needs(Right.APPEAL_INTAKE))]
CanMakeLinks = Annotated[Visitor, Depends(Needs(Right.LINKS))]
CanDecideAppeals = Annotated[Visitor, Depends(Needs(Right.APPEALS))]
CanMeasure = Annotated[Visitor, Depends(Needs(Right.QUALITY))]
CanReadPolicy = Annotated[Visitor, Depends(Needs(Right.POLICY))]
CanManageRights = Annotated[Visitor, Depends(Needs(Right.POLICY))]
CanAdmin = Annotated[Visitor, Depends(Needs(Right.ADMIN))]


def same_origin(request: Request) -> None:
    """Raise ``PageError`` where another site makes the browser send a request."""
    headers = request.headers
    foreign = headers.get("sec-fetch-site") not in (None, "same-origin", "none")
    if (origin := headers.get("origin")) is not None:
        foreign |= origin == "null" or urlsplit(origin).netloc != headers.get("host")
    if foreign:
        raise PageError(403, "This did not come from a page of the console.")


async def _form(request: Request) -> FormData:
    """Return a form with the session's token; ``max_body_size`` of the application bounds it."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is not None:
        _check(visitor, str(form.get("csrf", "")))
    return form


Form = Annotated[FormData, Depends(_form)]


def _check(visitor: Visitor, csrf: str) -> None:
    if not visitor.session.accepts(csrf):
        raise PageError(403, "This page is too old: go back, load it again, and repeat.")


def text(form: FormData, name: str, most: int = 10_000) -> str:
    """Return a field of a form as text, cut to what is sensible."""
    value = form.get(name, "")
    return value.strip()[:most] if isinstance(value, str) else ""


def number_in(form: FormData, name: str, digits: int, *, missing: int = 0) -> int:
    """Return a field as a whole number; ``missing`` where it is none."""
    digits_of = text(form, name, digits)
    return int(digits_of) if digits_of.isascii() and digits_of.isdigit() else missing


def texts(form: FormData, name: str) -> tuple[str, ...]:
    """Return all values of a field."""
    return tuple(value for value in form.getlist(name) if isinstance(value, str))


def local(path: str) -> str:
    """Return a path of our own to go to, whatever was asked for."""
    parts = urlsplit(path)
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_local and path.isprintable() else "/"
