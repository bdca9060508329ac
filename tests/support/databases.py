"""The ledger on both of its databases: what holds on one holds on the other."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy

from streams.store.database import Ledger
from tests.support.postgres import private_postgres

BOTH: Final = ("sqlite", "postgresql")
MIGRATED: Final = "migrated"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite ledger with its tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with private_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres: str) -> Iterator["Databases"]:
    databases = Databases(postgres)
    yield databases
    databases.server.dispose()


class Databases:
    """Gives each test a database of its own, with the ledger's tables (copied) or empty."""

    def __init__(self, url: str) -> None:
        self.url = url.removesuffix("/postgres")
        driver = url.replace("postgresql", "postgresql+psycopg")
        self.server = sqlalchemy.create_engine(driver, isolation_level="AUTOCOMMIT")
        self._numbers = itertools.count()
        self._run(f"CREATE DATABASE {MIGRATED} TEMPLATE template0")
        Ledger.open(f"{self.url}/{MIGRATED}").close()

    @contextmanager
    def new(self, template: str) -> Iterator[str]:
        name = f"t{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield f"{self.url}/{name}"
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with self.server.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a ledger whose tables are there."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated"), tmp_path / "ledger.db")
    yield from _url(request, tmp_path, MIGRATED)


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    yield from _url(request, tmp_path, "template0")


def _url(request: pytest.FixtureRequest, folder: Path, template: str) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/ledger.db"
        return
    databases: Databases = request.getfixturevalue("databases")
    with databases.new(template) as url:
        yield url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()
