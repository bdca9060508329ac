"""Our own OpenAPI document: schemathesis finds no 500, and no answer that it does not name."""

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
import sqlalchemy
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from streams.runtime.settings import Settings
from streams.services.accounts import keys
from streams.services.accounts.roles import Role
from streams.store import audit
from streams.store.account_tables import AUDIT
from streams.web.api.resources import AppResources
from streams.web.console.app import create
from tests.support.console import Console
from tests.support.stories import a_task, tell

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "12"))  # of each operation


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppResources]:
    folder = tmp_path_factory.mktemp("schema")
    given_ = Settings(
        ledger=f"sqlite:///{folder}/ledger.db",
        store=f"file://{folder}/store",
        api_rate_per_minute=1_000_000,
    )
    with AppResources.open(given_, relaying=False) as opened:
        a_task(opened.ledger)
        tell(opened.ledger, "T-2")
        yield opened


def test_every_answer_is_documented(resources: AppResources) -> None:
    key = keys.create(resources.ledger, "schema", Role.ADMIN, "test")
    headers = {"Authorization": f"Bearer {key}"}
    schema = schemathesis.openapi.from_asgi(
        "/v1/openapi.json", create(resources, "http://testserver")
    )
    operations = [cast(Any, result).ok() for result in schema.get_all_operations()]
    assert len(operations) >= 15
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        ask()


def test_everything_is_audited(console: Console, program: TestClient) -> None:
    program.post("uploads", json={"track_id": "T-1", "uri": "file:///deliveries/1.flac"})
    program.get("uploads")
    console.resources.views.stop()
    with console.resources.ledger.reading() as connection:
        actions = set(connection.scalars(sqlalchemy.select(AUDIT.c.action)))
    assert {"key_created", "uploaded", "api_read"} <= actions
    assert audit.verify(console.resources.ledger).fault is None


def test_the_document_says_what_is_there(program: TestClient) -> None:
    document = program.get("openapi.json").json()
    assert document["servers"] == [{"url": "/v1"}]
    assert {"Upload", "Problem", "TrackDecided"} <= document["components"]["schemas"].keys()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_link = path.split("/")[1] in (
                "artist",
                "rightsholder",
            )  # there are no rights to lack
            scheme, refusals = ("ArtistLink", set()) if by_link else ("ApiKey", {"403"})
            assert operation["security"] == [{scheme: []}], f"{method} {path}"
            assert {"401", "429", "503"} | refusals <= operation["responses"].keys()
