"""The ledger on both of its databases: what holds on one holds on the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from streams.catalogue import METADATA as CATALOGUE
from streams.ledger import Ledger
from streams.ledger_tables import METADATA
from tests.postgres import private_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with private_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    served: str = request.getfixturevalue("postgres")
    engine = sqlalchemy.create_engine(served.replace("postgresql", "postgresql+psycopg"))
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        CATALOGUE.drop_all(connection)
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS alembic_version"))
    engine.dispose()
    return served


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()
