"""API keys: one for each program, with a role, revocable."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from streams.services.accounts.roles import Right, Role, rights_of
from streams.services.accounts.tokens import hashed, new_id, new_token
from streams.services.accounts.users import LONGEST_NAME, AccountError
from streams.store import accounts, audit
from streams.store.database import Connection, Ledger

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
        """Return whether the key has a right."""
        return self.revoked_at is None and right in rights_of(self.role)


def create(connection: Connection, name: str, role: str, by: str) -> str:
    """Create a key; return it: ``key_id.secret``, shown only once.

    Raises:
        AccountError: the name is invalid, or the role unknown.
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
    accounts.add_key(connection, row)
    audit.append(connection, [audit.Entry(by, "key_created", key_id, {"name": name, "role": role})])
    return f"{key_id}.{secret}"


def revoke(connection: Connection, key_id: str, by: str) -> None:
    """Revoke a key, from the next request on."""
    accounts.revoke_key(connection, key_id, datetime.now(UTC))
    audit.append(connection, [audit.Entry(by, "key_revoked", key_id)])


def find(ledger: Ledger, presented: str) -> Key | None:
    """Return the presented key; None where it is unknown or revoked."""
    key_id, _, secret = presented.partition(".")
    with ledger.reading() as connection:
        row = accounts.key(connection, key_id)
    if row is None or not hmac.compare_digest(row.secret_sha256, hashed(secret)):
        return None
    key = Key(*row[1:])
    if key.revoked_at is not None:
        return None
    now = datetime.now(UTC)
    if key.used_at is None or key.used_at < now - USED_EVERY:
        with ledger.transaction() as connection:
            accounts.see_key(connection, key.key_id, now)
    return key


def all_keys(ledger: Ledger) -> list[Key]:
    """Return all keys, latest first."""
    with ledger.reading() as connection:
        rows = accounts.all_keys(connection)
    return [Key(*row) for row in rows]
