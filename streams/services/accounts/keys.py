"""API keys: one for each program, with a role, revocable.

A key is the platform's own, or bound to distributors: it writes and reads only their uploads.
"""

import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from streams.contract.records import Identifier, faults
from streams.services.accounts.roles import Right, Role, rights_of
from streams.services.accounts.tokens import hashed, new_id, new_token
from streams.services.accounts.users import AccountError, checked
from streams.store import accounts, audit
from streams.store.database import Connection, Ledger

USED_EVERY: Final = timedelta(minutes=1)
BOUND: Final = (Role.INGEST, Role.VIEWER)  # roles of a key that is bound to distributors
OWNERS: Final = TypeAdapter(Annotated[list[Identifier], Field(max_length=100)])


@dataclass(frozen=True)
class Key:
    """An API key without its secret; no ``distributors``: the platform's own."""

    key_id: str
    name: str
    role: str
    created_by: str
    created_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    distributors: tuple[str, ...] = ()
    uploads_per_hour: int | None = None

    def may(self, right: Right) -> bool:
        """Return whether the key has a right."""
        return self.revoked_at is None and right in rights_of(self.role)


def create(
    ledger: Ledger,
    name: str,
    role: str,
    by: str,
    *,
    distributors: Collection[str] = (),
    uploads_per_hour: int | None = None,
) -> str:
    """Create a key; return ``key_id.secret``, shown once.

    Raises:
        AccountError: an invalid name, role, distributor or quota.
    """
    name = checked(name, role, tuple(Role))
    try:
        owners = OWNERS.validate_python(sorted({each.strip() for each in distributors} - {""}))
    except ValidationError as error:
        raise AccountError(
            "bad_distributor", f"distributors: {'; '.join(faults(error))}"
        ) from error
    if owners and role not in BOUND:
        detail = f"a key that is bound to distributors has a role of {', '.join(BOUND)}"
        raise AccountError("bad_role", detail)
    if uploads_per_hour is not None and not 0 < uploads_per_hour < 10**9:
        raise AccountError("bad_quota", "uploads an hour are a positive number")
    key_id, secret = new_id("key"), new_token()
    row = {
        "key_id": key_id,
        "name": name,
        "role": role,
        "secret_sha256": hashed(secret),
        "created_by": by,
        "created_at": datetime.now(UTC),
        "distributors": json.dumps(owners) if owners else None,
        "uploads_per_hour": uploads_per_hour,
    }
    details = {"name": name, "role": role, "distributors": owners, "per_hour": uploads_per_hour}
    entry = audit.Entry(by, "key_created", key_id, details)
    with audit.transaction(ledger, entry) as connection:
        accounts.add_key(connection, row)
    return f"{key_id}.{secret}"


def revoke(ledger: Ledger, key_id: str, by: str) -> None:
    """Revoke a key, from the next request on."""
    with ledger.transaction() as connection:
        if accounts.revoke_key(connection, key_id, datetime.now(UTC)):
            audit.append(connection, audit.Entry(by, "key_revoked", key_id))


def find(ledger: Ledger, presented: str) -> Key | None:
    """Return the presented key; None where it is unknown or revoked."""
    key_id, _, secret = presented.partition(".")
    with ledger.reading() as connection:
        row = accounts.key(connection, key_id)
    if row is None or not hmac.compare_digest(row.secret_sha256, hashed(secret)):
        return None
    key, now = _key(row), datetime.now(UTC)
    if key.revoked_at is not None:
        return None
    if key.used_at is None or key.used_at < now - USED_EVERY:
        with ledger.transaction() as connection:
            accounts.see_key(connection, key_id, now)
    return key


def all_keys(ledger: Ledger) -> list[Key]:
    """Return all keys, latest first."""
    with ledger.reading() as connection:
        return [_key(row) for row in accounts.all_keys(connection)]


def is_of_holder(connection: Connection, key: Key, other_id: str) -> bool:
    """Return whether a key, valid or revoked, is or was of the same holder as another."""
    row = accounts.key(connection, other_id)
    return row is not None and _key(row).distributors == key.distributors


def _key(row: Any) -> Key:
    columns = {field.name: getattr(row, field.name) for field in fields(Key)}
    return Key(**columns | {"distributors": tuple(json.loads(row.distributors or "[]"))})
