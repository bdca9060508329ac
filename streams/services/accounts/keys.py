"""API keys: one for each program, with a role, revocable; the secret is shown once."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, select, update

from streams.services.accounts.roles import Right, Role, rights_of
from streams.services.accounts.tokens import hashed, new_id, new_token
from streams.services.accounts.users import LONGEST_NAME, AccountError
from streams.store import audit
from streams.store.account_tables import API_KEYS
from streams.store.database import Ledger

USED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Key:
    """An API key without its secret."""

    key_id: str
    name: str
    role: str
    created_by: str
    created_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None

    def may(self, right: Right) -> bool:
        """Whether a right is its."""
        return self.revoked_at is None and right in rights_of(self.role)


COLUMNS: Final = tuple(API_KEYS.c[name] for name in Key.__dataclass_fields__)


def create(connection: Connection, name: str, role: str, by: str) -> str:
    """Make a key; return it: ``key_id.secret``, never to be seen again.

    Raises:
        AccountError: no name, or no such role.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise AccountError("bad_name", f"a name has 1 to {LONGEST_NAME} printable letters")
    if role not in set(Role):
        raise AccountError("bad_role", f"{role!r} is none of {', '.join(Role)}")
    key_id, secret = new_id("key"), new_token()
    row = {
        "key_id": key_id,
        "name": name,
        "role": role,
        "secret_sha256": hashed(secret),
        "created_by": by,
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(API_KEYS).values(row))
    audit.append(connection, [audit.Entry(by, "key_created", key_id, {"name": name, "role": role})])
    return f"{key_id}.{secret}"


def revoke(connection: Connection, key_id: str, by: str) -> None:
    """End a key; it holds at the next request."""
    mine = (API_KEYS.c.key_id == key_id) & API_KEYS.c.revoked_at.is_(None)
    connection.execute(update(API_KEYS).where(mine).values(revoked_at=datetime.now(UTC)))
    audit.append(connection, [audit.Entry(by, "key_revoked", key_id)])


def find(ledger: Ledger, presented: str) -> Key | None:
    """Return the key that was presented; None where it is none or was revoked."""
    key_id, _, secret = presented.partition(".")
    with ledger.reading() as connection:
        question = select(API_KEYS.c.secret_sha256, *COLUMNS).where(API_KEYS.c.key_id == key_id)
        row = connection.execute(question).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_sha256, hashed(secret)):
        return None
    key = Key(*row[1:])
    if key.revoked_at is not None:
        return None
    now = datetime.now(UTC)
    if key.used_at is None or key.used_at < now - USED_EVERY:
        with ledger.transaction() as connection:
            mine = API_KEYS.c.key_id == key.key_id
            connection.execute(update(API_KEYS).where(mine).values(used_at=now))
    return key


def all_keys(ledger: Ledger) -> list[Key]:
    """Return all keys, latest first."""
    with ledger.reading() as connection:
        rows = connection.execute(select(*COLUMNS).order_by(API_KEYS.c.created_at.desc())).all()
    return [Key(*row) for row in rows]
