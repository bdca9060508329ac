"""Sessions and one-time links: how a browser is authenticated."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from detector.errors import BadInput
from streams.services.accounts import users
from streams.services.accounts.tokens import hashed, new_token
from streams.services.accounts.users import AccountError, User
from streams.store import accounts, audit
from streams.store.database import Connection, Ledger

SESSION_LIFETIME: Final = timedelta(hours=12)
IDLE_LIMIT: Final = timedelta(hours=2)
SEEN_UPDATE_INTERVAL: Final = timedelta(minutes=1)
LINK_LIFETIME: Final = timedelta(hours=24)
FIRST_NAME: Final = "admin"

log = structlog.get_logger()


class BadLink(BadInput):
    """A one-time link that is unknown, used or expired."""


@dataclass(frozen=True)
class Session:
    """The logged-in user, and the token that their forms must carry.

    ``by_link``: a one-time link began it; the user may set a password without the old one.
    """

    user: User
    csrf: str
    by_link: bool = False

    def accepts(self, csrf: str) -> bool:
        """Return whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode(errors="replace"))


def begin(ledger: Ledger, user: User) -> str:
    """Begin a session; return its token, always a new one."""
    with ledger.transaction() as connection:
        return _begin(connection, user)


def _begin(connection: Connection, user: User, *, by_link: bool = False) -> str:
    token, now = new_token(), datetime.now(UTC)
    row = {
        "token_sha256": hashed(token),
        "user_id": user.user_id,
        "csrf": new_token(),
        "created_at": now,
        "seen_at": now,
        "expires_at": now + SESSION_LIFETIME,
        "by_link": by_link,
    }
    accounts.add_session(connection, row)
    return token


def change_password(ledger: Ledger, session: Session, password: str, old: str, address: str) -> str:
    """Set a password, end all sessions and links of the user; return a new session's token.

    The old password counts as a log-in: it is throttled, and stands in the audit log.

    Raises:
        AccountError: too short or long, or an account of OIDC, which has no password.
        WrongLogin, TooManyTries: the old password is wrong; not asked of who came by a link.
    """
    user = session.user
    if user.by_oidc:
        raise AccountError("oidc_account", "your organisation logs you in; there is no password")
    password_hash = users.hash_password(password)
    if user.has_password and not session.by_link:
        users.log_in(ledger, user.name, old, address)
    entry = audit.Entry(user.user_id, "password_set", user.user_id)
    with audit.transaction(ledger, entry) as connection:
        accounts.change_user(connection, user.user_id, password_hash=password_hash)
        accounts.end_access(connection, user.user_id)
        return _begin(connection, user)


def find(ledger: Ledger, token: str) -> Session | None:
    """Return the session of a token; None: unknown, expired, or the account is closed."""
    now, token_sha256 = datetime.now(UTC), hashed(token)
    with ledger.reading() as connection:
        row = accounts.session(connection, token_sha256)
    if row is None or not row.active or row.expires_at < now or row.seen_at < now - IDLE_LIMIT:
        return None
    if row.seen_at < now - SEEN_UPDATE_INTERVAL:
        with ledger.transaction() as connection:
            accounts.see_session(connection, token_sha256, now)
    return Session(User(*row[4:]), row.csrf, row.by_link)


def end(ledger: Ledger, token: str, user: User) -> None:
    """Log out."""
    with audit.transaction(ledger, audit.Entry(user.user_id, "logout")) as connection:
        accounts.end_session(connection, hashed(token))


def invite(ledger: Ledger, name: str, role: str, by: str) -> str:
    """Add a user, or raise AccountError; return the token of a one-time link for them."""
    with ledger.transaction() as connection:
        return _add_link(connection, users.add(connection, name, role, by), by)


def link(ledger: Ledger, user_id: str, by: str) -> tuple[User, str]:
    """Return a user, or raise AccountError, and a new one-time link; it replaces unused ones."""
    with ledger.transaction() as connection:
        user = users.find(connection, user_id)
        return user, _add_link(connection, user, by)


def _add_link(connection: Connection, user: User, by: str) -> str:
    token, now = new_token(), datetime.now(UTC)
    row = {
        "token_sha256": hashed(token),
        "user_id": user.user_id,
        "expires_at": now + LINK_LIFETIME,
    }
    accounts.add_link(connection, row)
    audit.append(connection, audit.Entry(by, "link_made", user.user_id))
    return token


def first_link(ledger: Ledger) -> str | None:
    """Return a one-time link's token for the first admin, until anybody has logged in."""
    with ledger.transaction() as connection:
        if accounts.has_logins(connection):
            return None
        return _add_link(connection, _first_admin(connection), "start")


def _first_admin(connection: Connection) -> User:
    """Return the oldest admin, who is created where there is none."""
    audit.lock(connection)  # of two processes that start at once, one creates the first admin
    row = accounts.first_admin(connection)
    return User(*row) if row else users.add(connection, FIRST_NAME, "admin", "start")


def new_link(ledger: Ledger, name: str = "") -> str:
    """Return a one-time link's token for a user by name, or for the first admin.

    Raises:
        AccountError: there is no such user, or the account is closed.
    """
    with ledger.transaction() as connection:
        if not name:
            return _add_link(connection, _first_admin(connection), "command line")
        row = accounts.user(connection, name=name)
        if row is None or not row.active:
            raise AccountError("no_such_user", f"there is no user {name!r}, or it is closed")
        return _add_link(connection, User(*row), "command line")


def enter(ledger: Ledger, token: str, address: str) -> str:
    """Use a one-time link, or raise BadLink; return the token of a new session."""
    with ledger.transaction() as connection:
        user_id = accounts.use_link(connection, hashed(token), datetime.now(UTC))
        if user_id is None or not (user := users.find(connection, user_id)).active:
            raise BadLink("bad_link", "this link was used already, is too old, or does not exist")
        audit.append(connection, audit.Entry(user_id, "login", "", {"by": "link"}))
        log.info("link_used", user_id=user_id, address=address)
        return _begin(connection, user, by_link=True)
