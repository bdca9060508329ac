"""Fixtures of this folder."""

import pytest
from starlette.testclient import TestClient

from tests.support.console import Console


@pytest.fixture
def program(console: Console) -> TestClient:
    return console.program("ingest")
