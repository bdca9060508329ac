"""Users, log-in attempts, sessions, one-time links, API keys, and the latter's requests."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, func, insert, select, union_all, update

from streams.contract import processes
from streams.store.account_tables import (
    API_KEYS,
    KEY_UPLOADS,
    LINKS,
    LOGIN_ATTEMPTS,
    REQUESTS,
    SESSIONS,
    USERS,
)
from streams.store.database import insert_new
from streams.store.tables import DEAD_LETTERS, FINGERPRINTS

# The fields of ``services.accounts.users.User``, in order.
USER: Final = (
    *(USERS.c.user_id, USERS.c.name, USERS.c.role, USERS.c.active, USERS.c.blind),
    USERS.c.password_hash.is_not(None).label("has_password"),
    USERS.c.oidc_subject.is_not(None).label("by_oidc"),
)
REQUESTS_KEPT: Final = timedelta(days=7)
ACTIVE_ADMIN: Final = (USERS.c.role == "admin") & USERS.c.active
USAGE_KEPT: Final = timedelta(days=1)
PROOF: Final = 20  # uploads; fewer show little of the next ones


def add_user(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a user."""
    connection.execute(insert(USERS).values(row))


def change_user(connection: Connection, user_id: str, **values: Any) -> None:
    """Change columns of a user."""
    connection.execute(update(USERS).filter_by(user_id=user_id).values(**values))


def user(connection: Connection, **key: str) -> Any:
    """Return a user by ``user_id``, ``name`` or ``oidc_subject``; or None."""
    return connection.execute(select(*USER).filter_by(**key)).one_or_none()


def first_admin(connection: Connection) -> Any:
    """Return the oldest active admin, or None."""
    question = select(*USER).where(ACTIVE_ADMIN).order_by(USERS.c.created_at).limit(1)
    return connection.execute(question).one_or_none()


def all_users(connection: Connection) -> Sequence[Any]:
    """Return all users, by name."""
    return connection.execute(select(*USER).order_by(USERS.c.name)).all()


def has_other_admin(connection: Connection, user_id: str) -> bool:
    """Return whether another user than this one is an active admin."""
    others = select(USERS.c.user_id).where(ACTIVE_ADMIN, USERS.c.user_id != user_id)
    return connection.scalar(others.limit(1)) is not None


def password_hash(connection: Connection, name: str) -> str | None:
    """Return the password hash of a user by name; an account of OIDC has none that counts."""
    local = select(USERS.c.password_hash).filter_by(name=name, oidc_subject=None)
    return connection.scalar(local)


def add_attempt(
    connection: Connection, name: str, address: str, at: datetime, kept: timedelta
) -> None:
    """Count a log-in attempt, and delete those that no longer count."""
    connection.execute(insert(LOGIN_ATTEMPTS).values(name=name, address=address, at=at))
    connection.execute(delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.at < at - kept))


def clear_attempts(connection: Connection, name: str, address: str) -> None:
    """Delete the attempts for a name from an address."""
    connection.execute(delete(LOGIN_ATTEMPTS).filter_by(name=name, address=address))


def count_attempts(connection: Connection, since: datetime, **origin: str) -> int:
    """Return how many attempts there were since a time, for a ``name``, an ``address``, or both."""
    recent = select(func.count()).select_from(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.at > since)
    return connection.scalar(recent.filter_by(**origin)) or 0


def add_session(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a session, and delete those that have expired."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < row["created_at"]))
    connection.execute(insert(SESSIONS).values(row))


def session(connection: Connection, token_sha256: str) -> Any:
    """Return a session's ``csrf``, ``seen_at``, ``expires_at``, ``by_link``, user; or None."""
    own = (SESSIONS.c[name] for name in ("csrf", "seen_at", "expires_at", "by_link"))
    question = (
        select(*own, *USER)
        .join(USERS, USERS.c.user_id == SESSIONS.c.user_id)
        .where(SESSIONS.c.token_sha256 == token_sha256)
    )
    return connection.execute(question).one_or_none()


def see_session(connection: Connection, token_sha256: str, now: datetime) -> None:
    """Note that a session was used."""
    connection.execute(update(SESSIONS).filter_by(token_sha256=token_sha256).values(seen_at=now))


def end_session(connection: Connection, token_sha256: str) -> None:
    """Delete a session."""
    connection.execute(delete(SESSIONS).filter_by(token_sha256=token_sha256))


def end_access(connection: Connection, user_id: str) -> None:
    """Delete the sessions and the unused one-time links of a user."""
    connection.execute(delete(SESSIONS).filter_by(user_id=user_id))
    connection.execute(delete(LINKS).filter_by(user_id=user_id, used_at=None))


def add_link(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a one-time link, and delete the user's unused ones."""
    connection.execute(delete(LINKS).filter_by(user_id=row["user_id"], used_at=None))
    connection.execute(insert(LINKS).values(row))


def use_link(connection: Connection, token_sha256: str, now: datetime) -> str | None:
    """Use a one-time link; return its user's id, or None where it is used or expired."""
    usable = update(LINKS).filter_by(token_sha256=token_sha256, used_at=None)
    used = usable.where(LINKS.c.expires_at > now).values(used_at=now)
    user_id: str | None = connection.scalar(used.returning(LINKS.c.user_id))
    return user_id


def has_logins(connection: Connection) -> bool:
    """Return whether anybody has ever logged in: by a link, a password or OIDC."""
    used = select(LINKS.c.user_id).where(LINKS.c.used_at.is_not(None))
    known = select(USERS.c.user_id).where(
        USERS.c.password_hash.is_not(None) | USERS.c.oidc_subject.is_not(None)
    )
    return connection.scalar(union_all(used, known).limit(1)) is not None


def add_key(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add an API key."""
    connection.execute(insert(API_KEYS).values(row))


def revoke_key(connection: Connection, key_id: str, now: datetime) -> bool:
    """Revoke an API key; return whether it was valid before."""
    valid = update(API_KEYS).filter_by(key_id=key_id, revoked_at=None)
    return connection.execute(valid.values(revoked_at=now)).rowcount > 0


def key(connection: Connection, key_id: str) -> Any:
    """Return an API key, with the hash of its secret; or None."""
    return connection.execute(select(API_KEYS).filter_by(key_id=key_id)).one_or_none()


def see_key(connection: Connection, key_id: str, now: datetime) -> None:
    """Note that an API key was used."""
    connection.execute(update(API_KEYS).filter_by(key_id=key_id).values(used_at=now))


def use_key(
    connection: Connection,
    key_id: str,
    upload_id: str,
    now: datetime,
    reservation: str | None = None,
) -> None:
    """Count an upload, or a reservation of one, against the quotas of a key.

    It takes the place of its ``reservation``. What no longer counts is deleted.
    """
    if reservation is not None:
        give_back(connection, key_id, reservation)
    insert_new(connection, KEY_UPLOADS, [{"key_id": key_id, "at": now, "upload_id": upload_id}])
    connection.execute(delete(KEY_UPLOADS).where(KEY_UPLOADS.c.at < now - USAGE_KEPT))


def give_back(connection: Connection, key_id: str, reservation: str) -> None:
    """Delete a reservation that has become no upload."""
    connection.execute(delete(KEY_UPLOADS).filter_by(key_id=key_id, upload_id=reservation))


def upload_before(connection: Connection, key_id: str, number: int) -> datetime | None:
    """Return when a key handed in the upload that is so many back; 1: the latest."""
    times = select(KEY_UPLOADS.c.at).filter_by(key_id=key_id).order_by(KEY_UPLOADS.c.at.desc())
    return connection.scalar(times.offset(number - 1).limit(1))


def audio_seconds(connection: Connection, key_id: str, since: datetime, refused_s: float) -> float:
    """Return how much audio a key has handed in since a time.

    An upload that was refused counts ``refused_s``: it may have cost as much. One that waits
    counts as the mean of those that have ended; ``PROOF`` of them make a mean.
    """
    own = (KEY_UPLOADS.c.key_id == key_id) & (KEY_UPLOADS.c.at > since)
    uploads = select(func.count()).select_from(KEY_UPLOADS).where(own)
    decoded = (
        select(func.count(), func.sum(FINGERPRINTS.c.duration_s))
        .join(KEY_UPLOADS, KEY_UPLOADS.c.upload_id == FINGERPRINTS.c.upload_id)
        .where(own)
    )
    died = exists().where(
        DEAD_LETTERS.c.upload_id == KEY_UPLOADS.c.upload_id,
        DEAD_LETTERS.c.processor == processes.FINGERPRINT.name,
    )
    alive = exists().where(FINGERPRINTS.c.upload_id == KEY_UPLOADS.c.upload_id)
    refused = connection.scalar(uploads.where(died, ~alive)) or 0
    ended, seconds = connection.execute(decoded).one()
    known: float = (seconds or 0.0) + refused * refused_s
    waiting: int = max(0, (connection.scalar(uploads) or 0) - ended - refused)
    return known + waiting * known / max(PROOF, int(ended + refused))


def all_keys(connection: Connection) -> Sequence[Any]:
    """Return all API keys, latest first."""
    return connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at.desc())).all()


def earlier_request(connection: Connection, caller: str, key: str) -> Any:
    """Return the row of an earlier request with this key; None: there is none."""
    return connection.execute(select(REQUESTS).filter_by(caller=caller, key=key)).one_or_none()


def add_request(
    connection: Connection, caller: str, key: str, request_sha256: str, answer: str, now: datetime
) -> None:
    """Store the answer to a request, and delete expired ones."""
    row = {"caller": caller, "key": key, "request_sha256": request_sha256, "answer": answer}
    connection.execute(insert(REQUESTS).values(at=now, **row))
    connection.execute(delete(REQUESTS).where(REQUESTS.c.at < now - REQUESTS_KEPT))
