"""Signed links: how people without an account reach the page that is theirs.

A link is ``LINK_ID.ABOUT.EXPIRES.SIGNATURE``; it is about a decision (of an artist) or about a
rightsholder. The signature (HMAC-SHA256) covers the rest, so a changed link is refused before
anything is read. The row of a link has its maker. A link can be revoked, and it goes with what it
is about. The secret key is in the settings alone: a reader of the database cannot make a link.
"""

import hmac
import re
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, Self, TypeVar

from detector.errors import BadInput
from streams.runtime import metrics
from streams.runtime.settings import PREFIX, Settings
from streams.services.accounts.tokens import new_id
from streams.store import artist_links, audit, queries
from streams.store.database import Connection, Ledger

PAGE: Final = "/artist"
TOKEN: Final = re.compile(
    r"(?P<link>lnk_[0-9a-f]{24})\.(?P<about>(?:dec|rho)_[0-9a-f]{24})"
    r"\.(?P<expires>[1-9][0-9]{9,10})\.(?P<signature>[A-Za-z0-9_-]{43})"
)
LONGEST: Final = 200  # characters of a token; one that is longer is none
PURPOSE: Final = b"earmark link of an artist, version 1\0"
MOST_VALID: Final = 50  # links about one thing at once
# Columns that a link about a rightsholder does not use.
NO_UPLOAD: Final = {"decision_id": "", "upload_id": "", "track_id": ""}
SEEN_EVERY: Final = timedelta(hours=1)  # a link that is opened more often is audited so often
REASONS: Final = (
    *("tampered", "expired", "revoked", "erased"),
    *("other_decision", "other_rightsholder"),
)


class BadLink(BadInput):
    """A link cannot be made; the reason is a stable code, the detail a sentence."""


class LinkRefused(BadInput):
    """A link does not open: ``REASONS``. The detail never holds the link."""

    def __init__(self, reason: str, link_id: str = "", about: str = "") -> None:
        super().__init__(reason, f"this link is not valid: {reason.replace('_', ' ')}")
        self.link_id, self.about = link_id, about


@dataclass(frozen=True, kw_only=True)
class Link(ABC):
    """A link without its signature; one of the two kinds below."""

    link_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the link of a row."""
        return cls(**{column.name: getattr(row, column.name) for column in fields(cls)})

    def is_valid(self, now: datetime) -> bool:
        """Return whether it opens now."""
        return self.revoked_at is None and now < self.expires_at

    @property
    @abstractmethod
    def about(self) -> str:
        """The id of what it is about, a part of its token."""

    @property
    @abstractmethod
    def owner(self) -> dict[str, str]:
        """The column by which files are of the same side (``store.appeal_files``)."""

    @property
    def quota(self) -> Mapping[str, str | None]:
        """The columns of the files that count against its quota."""
        return self.owner

    @property
    @abstractmethod
    def path(self) -> str:
        """Where its page is."""


@dataclass(frozen=True, kw_only=True)
class ArtistLink(Link):
    """A link to a decision, and to what follows about the same upload. To nothing else."""

    decision_id: str
    upload_id: str
    track_id: str

    @property
    def about(self) -> str:
        """The id of its decision."""
        return self.decision_id

    @property
    def owner(self) -> dict[str, str]:
        """The column by which files are of the same side."""
        return {"upload_id": self.upload_id}

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"{PAGE}/{self.link_id}"


@dataclass(frozen=True, kw_only=True)
class RightsholderLink(Link):
    """A link to what is held about a rightsholder."""

    rightsholder_id: str

    @property
    def about(self) -> str:
        """The id of the rightsholder."""
        return self.rightsholder_id

    @property
    def owner(self) -> dict[str, str]:
        """The column by which files are of the same side."""
        return {"rightsholder_id": self.rightsholder_id}

    @property
    def quota(self) -> Mapping[str, str | None]:
        """The columns of the files that count against its quota."""
        return {**self.owner, "appeal_id": None}  # those that were not sent yet

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"{PAGE}/rights/{self.link_id}"


L = TypeVar("L", bound=Link)


def link_of(row: Any) -> ArtistLink | RightsholderLink:
    """Return the link of a row, in its kind."""
    return ArtistLink.of(row) if row.rightsholder_id is None else RightsholderLink.of(row)


@dataclass(frozen=True)
class SignedLink(Generic[L]):
    """A link with the token that opens it, and the address of its page."""

    link: L
    token: str = field(repr=False)
    url: str = field(repr=False)


@dataclass(frozen=True)
class LinkSigner:
    """Signs links; ``keys``: the first one signs, all are known. ``address``: of the pages."""

    keys: tuple[bytes, ...] = field(repr=False)
    address: str
    days: int

    @classmethod
    def from_settings(cls, settings: Settings, address: str = "") -> Self:
        """Return the signer of an installation; ``address``: where the console is, if known."""
        at = settings.artist_url or address or settings.console_address()
        return cls(settings.link_keys, at, settings.link_days)

    def signed(self, link: L) -> SignedLink[L]:
        """Return a link with its token.

        Raises:
            BadLink: there is no key.
        """
        if not self.keys:
            raise BadLink("links_off", f"there are no links: set {PREFIX}LINK_KEY")
        content = f"{link.link_id}.{link.about}.{int(link.expires_at.timestamp())}"
        token = f"{content}.{_signature(self.keys[0], content)}"
        return SignedLink(link, token, f"{self.address}{PAGE}/open/{token}")

    def read(self, token: str) -> re.Match[str]:
        """Return the parts of a token that one of our keys signed.

        Raises:
            LinkRefused: none of them did.
        """
        parts = TOKEN.fullmatch(token) if len(token) <= LONGEST else None
        if parts is None:
            raise LinkRefused("tampered")
        content, signature = token.rpartition(".")[0], parts["signature"]
        if not any(hmac.compare_digest(_signature(key, content), signature) for key in self.keys):
            raise LinkRefused("tampered", parts["link"])
        return parts


def _signature(key: bytes, content: str) -> str:
    digest = hmac.digest(key, PURPOSE + content.encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")


def store(connection: Connection, signer: LinkSigner, link: L) -> SignedLink[L]:
    """Store a new link, audited, in the caller's transaction (which has locked the audit log).

    Raises:
        BadLink: there is no key, or too many links about the same thing are valid.
    """
    signed = signer.signed(link)
    if artist_links.count_valid(connection, link.about, link.created_at) >= MOST_VALID:
        detail = f"{MOST_VALID} links to {link.about} are valid: revoke some first"
        raise BadLink("too_many_links", detail)
    artist_links.add(connection, NO_UPLOAD | vars(link))
    about = {"about": link.about, "expires_at": link.expires_at}
    audit.append(connection, audit.Entry(link.created_by, "artist_link_made", link.link_id, about))
    return signed


def validity(by: str, days: int) -> dict[str, Any]:
    """Return the columns that all new links have."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "link_id": new_id("lnk"),
        "created_by": by,
        "created_at": now,
        "expires_at": now + timedelta(days=days),
    }


def revoke(ledger: Ledger, link_id: str, *, by: str, distributors: Collection[str] = ()) -> None:
    """Revoke a link, from the next request on.

    Raises:
        BadLink: there is no such link, or it is not of these distributors.
    """
    with ledger.reading() as connection:
        row = artist_links.find(connection, link_id)
    if row is None or not queries.is_of(ledger, row.upload_id, distributors):
        raise BadLink("no_such_link", f"there is no link {link_id}")
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        if artist_links.revoke(connection, link_id, by, now):
            about = {"about": link_of(row).about}
            audit.append(connection, audit.Entry(by, "artist_link_revoked", link_id, about))


def open_link(ledger: Ledger, signer: LinkSigner, token: str) -> ArtistLink | RightsholderLink:
    """Return the link of a token. That it was opened is audited, once an hour.

    Raises:
        LinkRefused: it does not open (any more).
    """
    parts = signer.read(token)
    link_id, about = parts["link"], parts["about"]
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        row = artist_links.find(connection, link_id)
    if row is None:
        raise LinkRefused("erased", link_id, about)
    link = link_of(row)
    if link.revoked_at is not None:
        raise LinkRefused("revoked", link_id, about)
    if min(link.expires_at, _moment(parts["expires"])) <= now:
        raise LinkRefused("expired", link_id, about)
    if link.opened_at is None or link.opened_at < now - SEEN_EVERY:
        with ledger.transaction() as connection:
            if artist_links.see(connection, link_id, now, now - SEEN_EVERY):
                entry = audit.Entry(link_id, "artist_link_opened", link_id, {"about": about})
                audit.append(connection, entry)
    metrics.ARTIST_LINKS.labels("opened").inc()
    return link


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
