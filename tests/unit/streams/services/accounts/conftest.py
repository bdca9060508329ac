"""Fixtures of this folder."""

import pytest
from argon2 import PasswordHasher

from streams.services.accounts import users
from streams.services.accounts.users import User
from streams.store.database import Ledger
from tests.support.account_names import PASSWORD
from tests.support.accounts import create_user


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real algorithm, with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(users, "HASHER", hasher)
    monkeypatch.setattr(users, "NOBODY", hasher.hash("no such user"))


@pytest.fixture
def ada(ledger: Ledger) -> User:
    return create_user(ledger, "Ada", "reviewer", PASSWORD)
