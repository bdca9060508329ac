"""Fixtures of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, Banks
from streams.known.index import open_index
from tests.support.known_banks import BY


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[Banks]:
    with open_index(f"file://{tmp_path}/index") as index:
        made = Banks(index)
        for kind in BankKind:
            made.create(Bank(name=kind.value.replace("_", "-"), kind=kind, owner="T&S"), BY)
        yield made
