"""A console over a ledger of its own: no broker, no processes, real database and real HTTP."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient

from streams.runtime.settings import Settings
from streams.services.accounts import keys, sessions, users
from streams.services.accounts.users import User
from streams.store.database import Ledger
from streams.web.api.resources import AppResources
from streams.web.console.app import create
from streams.web.console.auth import COOKIE
from tests.support.accounts import create_user

ADDRESS = "http://testserver"


@dataclass
class Console:
    """What is served, and ways in: by session for each role, by API key for each role."""

    resources: AppResources
    app: FastAPI
    settings: Settings
    made: dict[str, User] = field(default_factory=dict)

    @property
    def inner(self) -> FastAPI:
        """The app beneath all that is wrapped around it."""
        app: Any = self.app
        while not isinstance(app, FastAPI):
            app = app.app
        return app

    def user(self, role: str, name: str = "") -> User:
        name = name or role
        if name not in self.made:
            self.made[name] = create_user(self.resources.ledger, name, role)
        return self.made[name]

    def browser(self, role: str, name: str = "") -> "Browser":
        user = self.user(role, name)
        token = sessions.begin(self.resources.ledger, user)
        session = sessions.find(self.resources.ledger, token)
        assert session is not None
        client = Browser(self.app, session.csrf)
        client.cookies.set(COOKIE, token)
        return client

    def program(self, role: str, *distributors: str, per_hour: int | None = None) -> TestClient:
        key = keys.create(
            *(self.resources.ledger, f"a {role}", role, "test"),
            distributors=distributors,
            uploads_per_hour=per_hour,
        )
        client = TestClient(self.app, base_url=f"{ADDRESS}/v1", raise_server_exceptions=False)
        client.headers["Authorization"] = f"Bearer {key}"
        return client


class Browser(TestClient):
    """Sends forms as pages do, with the session's token; follows no redirect by itself."""

    def __init__(self, app: FastAPI, csrf: str) -> None:
        super().__init__(
            app, base_url=ADDRESS, raise_server_exceptions=False, follow_redirects=False
        )
        self.csrf = csrf

    def submit(self, path: str, **fields: object):  # type: ignore[no-untyped-def] # httpx.Response
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self.csrf}
        return self.post(path, data={"csrf": self.csrf, **fields}, headers=headers)


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """The real algorithm, with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "HASHER", hasher)
        patch.setattr(users, "NOBODY", hasher.hash("no such user"))
        yield


@pytest.fixture
def person(ledger: Ledger) -> Callable[..., User]:
    def make(name: str, role: str = "reviewer") -> User:
        return create_user(ledger, name, role)

    return make


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Console]]:
    """Open a console over the ledger at a URL."""
    stack = []

    def open_at(url: str, **more: object) -> Console:
        values = {"ledger": url, "store": f"file://{tmp_path}/store", **more}
        settings = Settings.model_validate(values)
        opening = AppResources.open(settings, relaying=False)
        resources = opening.__enter__()
        stack.append(opening)
        return Console(resources, create(resources, ADDRESS), settings)  # type: ignore[arg-type]

    yield open_at
    for opening in stack:
        opening.__exit__(None, None, None)


@pytest.fixture
def console(opened: Callable[[str], Console], tmp_path: Path, migrated: Path) -> Console:
    """A console over SQLite."""
    shutil.copyfile(migrated, tmp_path / "ledger.db")
    return opened(f"sqlite:///{tmp_path}/ledger.db")
