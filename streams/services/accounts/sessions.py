"""Sessions and one-time links: how a browser proves who sits before it."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from detector.errors import BadInput
from streams.services.accounts import users
from streams.services.accounts.tokens import hashed, new_token
from streams.services.accounts.users import COLUMNS, AccountError, User
from streams.store import audit
from streams.store.account_tables import LINKS, SESSIONS, USERS
from streams.store.database import Ledger

LASTS: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)
SEEN_EVERY: Final = timedelta(minutes=1)
LINK_LASTS: Final = timedelta(hours=24)
FIRST_NAME: Final = "admin"


class BadLink(BadInput):
    """A one-time link that is none, or was used, or is too old."""

    def __init__(self) -> None:
        super().__init__("bad_link", "this link was used already, is too old, or never was one")


@dataclass(frozen=True)
class Session:
    """Who is logged in, and the token that their forms must carry."""

    user: User
    csrf: str

    def accepts(self, csrf: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode(errors="replace"))


def begin(connection: Connection, user: User) -> str:
    """Begin a session and return its token: always a new one, whatever the browser brought."""
    token, now = new_token(), datetime.now(UTC)
    row = {
        "token_sha256": hashed(token),
        "user_id": user.user_id,
        "csrf": new_token(),
        "created_at": now,
        "seen_at": now,
        "expires_at": now + LASTS,
    }
    connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < now))
    connection.execute(insert(SESSIONS).values(row))
    return token


def find(ledger: Ledger, token: str) -> Session | None:
    """Return the session of a token; None where it is none, is over, or the user closed."""
    now = datetime.now(UTC)
    mine = SESSIONS.c.token_sha256 == hashed(token)
    question = (
        select(SESSIONS.c.csrf, SESSIONS.c.seen_at, SESSIONS.c.expires_at, *COLUMNS)
        .join(USERS, USERS.c.user_id == SESSIONS.c.user_id)
        .where(mine)
    )
    with ledger.reading() as connection:
        row = connection.execute(question).one_or_none()
    if row is None or not row.active or row.expires_at < now or row.seen_at < now - IDLE:
        return None
    if row.seen_at < now - SEEN_EVERY:
        with ledger.transaction() as connection:
            connection.execute(update(SESSIONS).where(mine).values(seen_at=now))
    return Session(User(*row[3:]), row.csrf)


def end(connection: Connection, token: str, user: User) -> None:
    """Log out."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.token_sha256 == hashed(token)))
    audit.append(connection, [audit.Entry(user.user_id, "logout")])


def link(connection: Connection, user: User, by: str) -> str:
    """Return the token of a new one-time link for a user; older ones end."""
    token, now = new_token(), datetime.now(UTC)
    unused = LINKS.c.used_at.is_(None) & (LINKS.c.user_id == user.user_id)
    connection.execute(delete(LINKS).where(unused))
    row = {"token_sha256": hashed(token), "user_id": user.user_id, "expires_at": now + LINK_LASTS}
    connection.execute(insert(LINKS).values(row))
    audit.append(connection, [audit.Entry(by, "link_made", user.user_id)])
    return token


def first_link(ledger: Ledger, *, always: bool) -> str | None:
    """Return a one-time link's token for the first admin, who is made where there is nobody.

    Without ``always`` only while nobody has ever got in: an installation with users has
    other ways.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)  # of two processes that start at once, one makes the first admin
        admin = select(*COLUMNS).where(USERS.c.role == "admin", USERS.c.active)
        row = connection.execute(admin.order_by(USERS.c.created_at).limit(1)).one_or_none()
        if row is None:
            if connection.scalar(select(func.count()).select_from(USERS)):
                return None
            return link(connection, users.create(connection, FIRST_NAME, "admin", "start"), "start")
        first = User(*row)
        if not always:
            used = select(func.count()).where(LINKS.c.used_at.is_not(None))
            if first.has_password or first.by_oidc or connection.scalar(used):
                return None
        return link(connection, first, "start")


def new_link(ledger: Ledger, name: str = "") -> str:
    """Return a one-time link's token for a user by name, or for the first admin.

    Raises:
        AccountError: there is no such user, or the account is closed.
    """
    if not name:
        found = first_link(ledger, always=True)
        if found is None:
            raise AccountError("no_such_user", "there is no admin: name a user")
        return found
    with ledger.transaction() as connection:
        question = select(*COLUMNS).where(USERS.c.name == name, USERS.c.active)
        row = connection.execute(question).one_or_none()
        if row is None:
            raise AccountError("no_such_user", f"there is no user {name!r}, or it is closed")
        return link(connection, User(*row), "command line")


def enter(ledger: Ledger, token: str, address: str) -> str:
    """Use a one-time link; return the token of a new session.

    Raises:
        BadLink: it cannot be used (any more).
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        mine = LINKS.c.token_sha256 == hashed(token)
        usable = mine & LINKS.c.used_at.is_(None) & (LINKS.c.expires_at > now)
        if connection.execute(update(LINKS).where(usable).values(used_at=now)).rowcount != 1:
            raise BadLink
        user_id = connection.scalars(select(LINKS.c.user_id).where(mine)).one()
        user = users.find(connection, user_id)
        if not user.active:
            raise BadLink
        detail = {"from": address, "by": "link"}
        audit.append(connection, [audit.Entry(user.user_id, "login", "", detail)])
        return begin(connection, user)
