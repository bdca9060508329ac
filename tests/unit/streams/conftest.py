"""Fixtures of several packages."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from streams.store.database import Ledger
from tests.support.catalogue import CatalogueFixture
from tests.support.redeciding import Pipeline


@pytest.fixture
def pipeline(ledger: Ledger, tmp_path: Path) -> Iterable[Pipeline]:
    catalogue = CatalogueFixture(f"sqlite:///{tmp_path}/catalogue.db")
    yield Pipeline(ledger, catalogue)
    catalogue.close()
