"""Guests: people and programs that come by a signed link. Each sees what is theirs, nothing else.

A browser opens ``/artist/open/TOKEN``. The answer sets a cookie for the pages of that link alone.
It leads to an address without the token, so no page names it to others. A program sends the token
as ``Authorization: Bearer``.
"""

import hmac
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import FormData

from streams.contract.translations import N_, best_language, languages, translated
from streams.services import signed_links
from streams.services.accounts.tokens import hashed
from streams.services.accounts.users import place_of
from streams.services.signed_links import (
    LONGEST,
    ArtistLink,
    L,
    Link,
    LinkRefused,
    LinkSigner,
    RightsholderLink,
)
from streams.web.api.callers import RateLimit, address_of, too_many
from streams.web.api.pages import Id
from streams.web.api.problems import ProblemError
from streams.web.api.resources import AppResources, resources_of
from streams.web.console.auth import SAFE, PageError, same_origin

PER_MINUTE: Final = 120  # requests from one address; a page is about six
COOKIE: Final = "earmark_artist"
LANGUAGE_COOKIE: Final = "earmark_language"
MOST_FIELDS: Final = 40
BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="ArtistLink", description="Authorization: Bearer TOKEN of a link"
)
NOT_VALID: Final = N_(
    "This link does not work, or not any more. Ask the platform or the company that delivered "
    "your recording for a new one."
)
OLD_PAGE: Final = N_("This page is too old. Go back, load it again, and repeat.")


@dataclass(frozen=True)
class Guest(Generic[L]):
    """Who came by a link, in which language they read, and what their page is read from."""

    link: L
    token: str = field(repr=False)
    language: str
    request: Request
    resources: AppResources
    by_page: bool = True  # else by the API, where no other site can act for the guest

    def text(self, text: str, **values: object) -> str:
        """Return a marked text in the guest's language."""
        return translated(self.language, text, **values)

    @property
    def csrf(self) -> str:
        """What a form of the page contains; other sites cannot know it."""
        return hashed(f"csrf of {self.token}")

    @property
    def path(self) -> str:
        """Where the page of the link is."""
        return self.link.path

    def check(self, csrf: str) -> None:
        """Raise ``ProblemError`` where a form does not come from the page of this link."""
        if self.by_page and not hmac.compare_digest(csrf.encode(), self.csrf.encode()):
            raise ProblemError(403, "old_page", self.text(OLD_PAGE))


def open_token(request: Request, token: str) -> ArtistLink | RightsholderLink:
    """Return the link of a token, or end the request with 404; a refusal is audited.

    The answer is the same for whatever is wrong.
    """
    resources = resources_of(request)
    limit: RateLimit = request.app.state.artist_limit
    if wait := limit.wait_s(place_of(address_of(request))):
        raise too_many(wait, "requests")
    signer = LinkSigner.from_settings(resources.settings)
    try:
        return signed_links.open_link(resources.ledger, signer, token)
    except LinkRefused as refused:
        resources.refusals.note(refused)
        raise not_valid(request) from None


def not_valid(request: Request) -> ProblemError:
    """Return the error for a link that does not open."""
    return ProblemError(404, "no_such_link", translated(language_of(request), NOT_VALID))


def refuse_other(request: Request, link: Link) -> ProblemError:
    """Audit that a link was used for something else than its own; return the error."""
    reason = "other_decision" if isinstance(link, ArtistLink) else "other_rightsholder"
    refused = LinkRefused(reason, link.link_id, link.about)
    resources_of(request).refusals.note(refused)
    return not_valid(request)


def language_of(request: Request) -> str:
    """Return the language that a request asks for: chosen, chosen before, or the browser's."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if chosen in languages():
            return chosen
    return best_language(request.headers.get("accept-language", ""))


class ByCookie(Generic[L]):
    """A dependency: the guest of a page for one kind of links. A test reads it off every route."""

    def __init__(self, kind: type[L]) -> None:
        self.kind = kind

    def __call__(self, request: Request, link_id: Id) -> Guest[L]:
        """Return the guest, or end the request."""
        token = request.cookies.get(COOKIE, "")[: LONGEST + 1]
        if not token:
            raise ProblemError(401, "no_link", translated(language_of(request), NOT_VALID))
        link = open_token(request, token)
        if link.link_id != link_id or not isinstance(link, self.kind):
            raise refuse_other(request, link)
        guest: Guest[L] = Guest(link, token, language_of(request), request, resources_of(request))
        if request.method not in SAFE:
            try:
                same_origin(request)
            except PageError as error:
                raise ProblemError(403, "foreign", guest.text(OLD_PAGE)) from error
            if "x-csrf-token" in request.headers:
                guest.check(request.headers["x-csrf-token"])
        request.state.guest = guest
        return guest


class ByToken(Generic[L]):
    """A dependency: the guest of the API for one kind of links. A test reads it off every route."""

    def __init__(self, kind: type[L]) -> None:
        self.kind = kind

    def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)] = None,
    ) -> Guest[L]:
        """Return the guest, or end the request with 401, 404 or 429."""
        if credentials is None:
            headers = {"WWW-Authenticate": 'Bearer realm="earmark artist"'}
            raise ProblemError(401, "no_link", "the token of a link is missing", headers)
        token = credentials.credentials[: LONGEST + 1]
        link = open_token(request, token)
        if not isinstance(link, self.kind):
            raise refuse_other(request, link)
        resources = resources_of(request)
        return Guest(link, token, language_of(request), request, resources, by_page=False)


PageGuest = Annotated[Guest[ArtistLink], Depends(ByCookie(ArtistLink))]
ApiGuest = Annotated[Guest[ArtistLink], Depends(ByToken(ArtistLink))]
RightsGuest = Annotated[Guest[RightsholderLink], Depends(ByCookie(RightsholderLink))]
RightsApiGuest = Annotated[Guest[RightsholderLink], Depends(ByToken(RightsholderLink))]


async def _form(request: Request) -> FormData:
    """Return a form with the page's token; ``max_body_size`` of the application bounds it."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    guest: Guest[Any] | None = getattr(request.state, "guest", None)
    if guest is not None:
        guest.check(str(form.get("csrf", "")))
    return form


Form = Annotated[FormData, Depends(_form)]
