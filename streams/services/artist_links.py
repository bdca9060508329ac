"""Links by which artists reach the page about their recording, without an account.

A link is ``LINK_ID.DECISION_ID.EXPIRES.SIGNATURE``. The signature (HMAC-SHA256) covers the rest, so
a changed link is refused before anything is read. The row of a link has its maker. A link can be
revoked, and it goes with the track that is erased. The secret key is in the settings alone: a
reader of the database cannot make a link.

A link opens the decision that it names, and what follows about the same upload. Nothing else.
"""

import hmac
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from detector.errors import BadInput
from streams.runtime import metrics
from streams.runtime.settings import PREFIX, Settings
from streams.services.accounts.tokens import new_id
from streams.store import artist_links, audit, queries
from streams.store.database import Connection, Ledger

PAGE: Final = "/artist"
TOKEN: Final = re.compile(
    r"(?P<link>lnk_[0-9a-f]{24})\.(?P<decision>dec_[0-9a-f]{24})\.(?P<expires>[1-9][0-9]{9,10})"
    r"\.(?P<signature>[A-Za-z0-9_-]{43})"
)
LONGEST: Final = 200  # characters of a token; one that is longer is none
PURPOSE: Final = b"earmark link of an artist, version 1\0"
MOST_OF_DECISION: Final = 50  # valid links at once
SEEN_EVERY: Final = timedelta(hours=1)  # a link that is opened more often is audited so often
REASONS: Final = ("tampered", "expired", "revoked", "erased", "other_decision")
FORGED_PER_MINUTE: Final = 10  # refusals of links that are not ours which are audited
HOUR_S: Final = 3_600.0
MOST_REMEMBERED: Final = 10_000


class BadLink(BadInput):
    """A link cannot be made; the reason is a stable code, the detail a sentence."""


class LinkRefused(BadInput):
    """A link does not open: ``REASONS``. The detail never holds the link."""

    def __init__(self, reason: str, link_id: str = "", decision_id: str = "") -> None:
        super().__init__(reason, f"this link is not valid: {reason.replace('_', ' ')}")
        self.link_id, self.decision_id = link_id, decision_id


@dataclass(frozen=True)
class ArtistLink:
    """A link without its signature."""

    link_id: str
    decision_id: str
    upload_id: str
    track_id: str
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


@dataclass(frozen=True)
class SignedLink:
    """A link with the token that opens it, and the address of its page."""

    link: ArtistLink
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

    def signed(self, link: ArtistLink) -> SignedLink:
        """Return a link with its token.

        Raises:
            BadLink: there is no key.
        """
        if not self.keys:
            raise BadLink("links_off", f"there are no links: set {PREFIX}LINK_KEY")
        content = f"{link.link_id}.{link.decision_id}.{int(link.expires_at.timestamp())}"
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


def make(
    ledger: Ledger,
    signer: LinkSigner,
    decision_id: str,
    *,
    by: str,
    days: int | None = None,
    distributors: Collection[str] = (),
) -> SignedLink:
    """Make a link to a decision; ``distributors``: whose decisions the maker may read (none: all).

    Raises:
        BadLink: no key, no such decision, or too many links to it.
    """
    with ledger.reading() as connection:
        decision = queries.decision_row(connection, decision_id)
    if decision is None or not queries.is_of(ledger, decision.upload_id, distributors):
        raise _no_such_decision(decision_id)
    with ledger.transaction() as connection:
        audit.lock(connection)  # of many at once, each must see those before
        return _make(connection, signer, decision_id, by, days or signer.days)


def link_for(ledger: Ledger, signer: LinkSigner, decision_id: str, *, by: str) -> SignedLink:
    """Return a link to a decision, for a delivery: one that ``by`` made, if it lasts long enough.

    A delivery that is tried again sends the same link. "Long enough" is half of ``signer.days``.

    Raises:
        BadLink: as ``make``.
    """
    until = datetime.now(UTC) + timedelta(days=signer.days) / 2
    with ledger.transaction() as connection:
        audit.lock(connection)
        row = artist_links.latest_valid(connection, decision_id, by, until)
        if row is not None:
            return signer.signed(ArtistLink.of(row))
        return _make(connection, signer, decision_id, by, signer.days)


def _no_such_decision(decision_id: str) -> BadLink:
    return BadLink("no_such_decision", f"there is no decision {decision_id}")


def _make(
    connection: Connection, signer: LinkSigner, decision_id: str, by: str, days: int
) -> SignedLink:
    now = datetime.now(UTC).replace(microsecond=0)
    decision = queries.decision_row(connection, decision_id)
    if decision is None:  # erased a moment ago
        raise _no_such_decision(decision_id)
    if artist_links.count_valid(connection, decision_id, now) >= MOST_OF_DECISION:
        detail = f"{MOST_OF_DECISION} links to this decision are valid: revoke some first"
        raise BadLink("too_many_links", detail)
    link = ArtistLink(
        link_id=new_id("lnk"),
        decision_id=decision_id,
        upload_id=decision.upload_id,
        track_id=decision.track_id,
        created_by=by,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    signed = signer.signed(link)
    artist_links.add(connection, vars(link))
    about = {"decision": decision_id, "expires_at": link.expires_at}
    audit.append(connection, audit.Entry(by, "artist_link_made", link.link_id, about))
    return signed


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
            about = {"decision": row.decision_id}
            audit.append(connection, audit.Entry(by, "artist_link_revoked", link_id, about))


def open_link(ledger: Ledger, signer: LinkSigner, token: str) -> ArtistLink:
    """Return the link of a token. That it was opened is audited, once an hour.

    Raises:
        LinkRefused: it does not open (any more).
    """
    parts = signer.read(token)
    link_id, decision_id = parts["link"], parts["decision"]
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        row = artist_links.find(connection, link_id)
    if row is None:
        raise LinkRefused("erased", link_id, decision_id)
    link = ArtistLink.of(row)
    if link.revoked_at is not None:
        raise LinkRefused("revoked", link_id, decision_id)
    if min(link.expires_at, _moment(parts["expires"])) <= now:
        raise LinkRefused("expired", link_id, decision_id)
    if link.opened_at is None or link.opened_at < now - SEEN_EVERY:
        with ledger.transaction() as connection:
            if artist_links.see(connection, link_id, now, now - SEEN_EVERY):
                about = {"decision": decision_id}
                audit.append(connection, audit.Entry(link_id, "artist_link_opened", link_id, about))
    metrics.ARTIST_LINKS.labels("opened").inc()
    return link


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


class Refusals:
    """Audits links that were refused, so rarely that the audit log is not filled with them.

    A link of ours is audited once an hour, and of the others ``FORGED_PER_MINUTE``. Each refusal
    counts in ``earmark_artist_links_total``.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._forged = (0, 0)  # in which minute, how many

    def note(self, refused: LinkRefused) -> None:
        """Count a refusal, and audit it if it is its turn."""
        metrics.ARTIST_LINKS.labels(refused.reason).inc()
        if self._is_due(refused, time.monotonic()):
            about = {"reason": refused.reason, "decision": refused.decision_id}
            entry = audit.Entry("artist", "artist_link_refused", refused.link_id, about)
            with audit.transaction(self._ledger, entry):
                pass

    def _is_due(self, refused: LinkRefused, now: float) -> bool:
        with self._lock:
            if not refused.decision_id:  # we did not sign it
                minute = int(now // 60)
                count = self._forged[1] + 1 if self._forged[0] == minute else 1
                self._forged = minute, count
                return count <= FORGED_PER_MINUTE
            place = refused.reason, refused.link_id
            last = self._noted.get(place)
            if last is not None and now - last < HOUR_S:
                return False
            self._noted[place] = now
            self._noted.move_to_end(place)
            if len(self._noted) > MOST_REMEMBERED:
                self._noted.popitem(last=False)
            return True
