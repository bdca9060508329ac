"""Accounts: users, log-in attempts, sessions, one-time links and API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from streams.store.account_tables import API_KEYS, LINKS, LOGIN_ATTEMPTS, SESSIONS, USERS

# The fields of ``services.accounts.users.User``, in order.
USER: Final = (
    *(USERS.c.user_id, USERS.c.name, USERS.c.role, USERS.c.active, USERS.c.blind),
    USERS.c.password_hash.is_not(None).label("has_password"),
    USERS.c.oidc_subject.is_not(None).label("by_oidc"),
)
# The fields of ``services.accounts.keys.Key``, in order.
KEY: Final = tuple(
    API_KEYS.c[name]
    for name in ("key_id", "name", "role", "created_by", "created_at", "revoked_at", "used_at")
)

# --- users -----------------------------------------------------------------------------------


def add_user(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a user."""
    connection.execute(insert(USERS).values(row))


def change_user(connection: Connection, user_id: str, **values: Any) -> None:
    """Change columns of a user."""
    connection.execute(update(USERS).where(USERS.c.user_id == user_id).values(**values))


def user(connection: Connection, user_id: str) -> Any:
    """Return a user by id, or None."""
    return _user(connection, USERS.c.user_id == user_id)


def user_by_name(connection: Connection, name: str) -> Any:
    """Return a user by name, or None."""
    return _user(connection, USERS.c.name == name)


def user_by_subject(connection: Connection, subject: str) -> Any:
    """Return a user by the OpenID provider's subject, or None."""
    return _user(connection, USERS.c.oidc_subject == subject)


def first_admin(connection: Connection) -> Any:
    """Return the oldest active admin, or None."""
    question = select(*USER).where(USERS.c.role == "admin", USERS.c.active)
    return connection.execute(question.order_by(USERS.c.created_at).limit(1)).one_or_none()


def _user(connection: Connection, condition: ColumnElement[bool]) -> Any:
    return connection.execute(select(*USER).where(condition)).one_or_none()


def all_users(connection: Connection) -> Sequence[Any]:
    """Return all users, by name."""
    return connection.execute(select(*USER).order_by(USERS.c.name)).all()


def has_users(connection: Connection) -> bool:
    """Return whether there is any user."""
    return connection.scalar(select(USERS.c.user_id).limit(1)) is not None


def has_other_admin(connection: Connection, user_id: str) -> bool:
    """Return whether another user than this one is an active admin."""
    others = USERS.c.user_id != user_id
    question = select(USERS.c.user_id).where(USERS.c.role == "admin", USERS.c.active, others)
    return connection.scalar(question.limit(1)) is not None


def password_hash(connection: Connection, name: str) -> str | None:
    """Return the password hash of a user by name."""
    return connection.scalar(select(USERS.c.password_hash).where(USERS.c.name == name))


# --- log-in attempts -------------------------------------------------------------------------


def add_attempt(connection: Connection, name: str, address: str, at: datetime) -> None:
    """Count a log-in attempt."""
    connection.execute(insert(LOGIN_ATTEMPTS).values(name=name, address=address, at=at))


def forget_attempts(connection: Connection, before: datetime) -> None:
    """Delete the attempts from before a time."""
    connection.execute(delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.at < before))


def clear_attempts(connection: Connection, name: str, address: str) -> None:
    """Delete the attempts for a name from an address."""
    both = (LOGIN_ATTEMPTS.c.name == name) & (LOGIN_ATTEMPTS.c.address == address)
    connection.execute(delete(LOGIN_ATTEMPTS).where(both))


def count_attempts(
    connection: Connection, since: datetime, *, name: str | None = None, address: str | None = None
) -> int:
    """Return how many attempts there were since a time, for a name, from an address, or both."""
    question = select(func.count()).where(LOGIN_ATTEMPTS.c.at > since)
    if name is not None:
        question = question.where(LOGIN_ATTEMPTS.c.name == name)
    if address is not None:
        question = question.where(LOGIN_ATTEMPTS.c.address == address)
    return connection.scalar(question) or 0


# --- sessions and one-time links -------------------------------------------------------------


def add_session(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a session, and delete those that have expired."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < row["created_at"]))
    connection.execute(insert(SESSIONS).values(row))


def session(connection: Connection, token_sha256: str) -> Any:
    """Return a session's ``csrf``, ``seen_at``, ``expires_at`` and its user; or None."""
    question = (
        select(SESSIONS.c.csrf, SESSIONS.c.seen_at, SESSIONS.c.expires_at, *USER)
        .join(USERS, USERS.c.user_id == SESSIONS.c.user_id)
        .where(SESSIONS.c.token_sha256 == token_sha256)
    )
    return connection.execute(question).one_or_none()


def see_session(connection: Connection, token_sha256: str, now: datetime) -> None:
    """Note that a session was used."""
    this = SESSIONS.c.token_sha256 == token_sha256
    connection.execute(update(SESSIONS).where(this).values(seen_at=now))


def end_session(connection: Connection, token_sha256: str) -> None:
    """Delete a session."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.token_sha256 == token_sha256))


def end_sessions(connection: Connection, user_id: str) -> None:
    """Delete all sessions of a user."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id))


def add_link(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a one-time link, and delete the user's unused ones."""
    unused = LINKS.c.used_at.is_(None) & (LINKS.c.user_id == row["user_id"])
    connection.execute(delete(LINKS).where(unused))
    connection.execute(insert(LINKS).values(row))


def use_link(connection: Connection, token_sha256: str, now: datetime) -> str | None:
    """Use a one-time link; return its user's id, or None where it cannot be used any more."""
    this = LINKS.c.token_sha256 == token_sha256
    usable = this & LINKS.c.used_at.is_(None) & (LINKS.c.expires_at > now)
    if connection.execute(update(LINKS).where(usable).values(used_at=now)).rowcount != 1:
        return None
    return connection.scalar(select(LINKS.c.user_id).where(this))


def any_link_used(connection: Connection) -> bool:
    """Return whether a one-time link was ever used."""
    used = select(LINKS.c.user_id).where(LINKS.c.used_at.is_not(None))
    return connection.scalar(used.limit(1)) is not None


# --- API keys --------------------------------------------------------------------------------


def add_key(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add an API key."""
    connection.execute(insert(API_KEYS).values(row))


def revoke_key(connection: Connection, key_id: str, now: datetime) -> None:
    """Revoke an API key, unless it is revoked."""
    valid = (API_KEYS.c.key_id == key_id) & API_KEYS.c.revoked_at.is_(None)
    connection.execute(update(API_KEYS).where(valid).values(revoked_at=now))


def key(connection: Connection, key_id: str) -> Any:
    """Return the hash of an API key's secret, then its other columns; or None."""
    question = select(API_KEYS.c.secret_sha256, *KEY).where(API_KEYS.c.key_id == key_id)
    return connection.execute(question).one_or_none()


def see_key(connection: Connection, key_id: str, now: datetime) -> None:
    """Note that an API key was used."""
    this = API_KEYS.c.key_id == key_id
    connection.execute(update(API_KEYS).where(this).values(used_at=now))


def all_keys(connection: Connection) -> Sequence[Any]:
    """Return all API keys, latest first."""
    return connection.execute(select(*KEY).order_by(API_KEYS.c.created_at.desc())).all()
