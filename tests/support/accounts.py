"""Accounts for tests."""

from streams.services.accounts import users
from streams.services.accounts.users import User
from streams.store import accounts
from streams.store.database import Ledger


def create_user(ledger: Ledger, name: str, role: str, password: str | None = None) -> User:
    with ledger.transaction() as connection:
        user = users.add(connection, name, role, "test")
        if password is not None:
            password_hash = users.hash_password(password)
            accounts.change_user(connection, user.user_id, password_hash=password_hash)
        return users.find(connection, user.user_id)
