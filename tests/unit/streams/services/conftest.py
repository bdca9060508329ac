"""Fixtures of this folder."""

from collections.abc import Callable, Iterator

import pytest

from streams.services.accounts.users import User
from streams.store.database import Ledger
from tests.support.accounts import create_user


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()


@pytest.fixture
def person(ledger: Ledger) -> Callable[..., User]:
    def make(name: str, role: str = "reviewer") -> User:
        return create_user(ledger, name, role)

    return make
