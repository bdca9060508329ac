"""API keys: one for each program, with a role, revocable."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from streams.services.accounts.roles import Right, Role, rights_of
from streams.services.accounts.tokens import hashed, new_id, new_token
from streams.services.accounts.users import checked
from streams.store import accounts, audit
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
        """Return whether the key has a right."""
        return self.revoked_at is None and right in rights_of(self.role)


def create(ledger: Ledger, name: str, role: str, by: str) -> str:
    """Create a key; return ``key_id.secret``, shown once. An invalid name or role: AccountError."""
    name = checked(name, role, tuple(Role))
    key_id, secret = new_id("key"), new_token()
    row = {
        "key_id": key_id,
        "name": name,
        "role": role,
        "secret_sha256": hashed(secret),
        "created_by": by,
        "created_at": datetime.now(UTC),
    }
    entry = audit.Entry(by, "key_created", key_id, {"name": name, "role": role})
    with audit.transaction(ledger, entry) as connection:
        accounts.add_key(connection, row)
    return f"{key_id}.{secret}"


def revoke(ledger: Ledger, key_id: str, by: str) -> None:
    """Revoke a key, from the next request on."""
    with ledger.transaction() as connection:
        if accounts.revoke_key(connection, key_id, datetime.now(UTC)):
            audit.append(connection, [audit.Entry(by, "key_revoked", key_id)])


def find(ledger: Ledger, presented: str) -> Key | None:
    """Return the presented key; None where it is unknown or revoked."""
    key_id, _, secret = presented.partition(".")
    with ledger.reading() as connection:
        row = accounts.key(connection, key_id)
    if row is None or not hmac.compare_digest(row.secret_sha256, hashed(secret)):
        return None
    key, now = Key(*row[1:]), datetime.now(UTC)
    if key.revoked_at is not None:
        return None
    if key.used_at is None or key.used_at < now - USED_EVERY:
        with ledger.transaction() as connection:
            accounts.see_key(connection, key_id, now)
    return key


def all_keys(ledger: Ledger) -> list[Key]:
    """Return all keys, latest first."""
    with ledger.reading() as connection:
        return [Key(*row) for row in accounts.all_keys(connection)]
