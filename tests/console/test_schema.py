"""schemathesis against our own OpenAPI document: no 500, and no answer that it does not name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from streams.accounts import keys
from streams.accounts.roles import Role
from streams.api.app import create
from streams.api.house import House
from streams.settings import Settings
from tests.console.stories import a_task, tell

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "12"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def] # a generator
    folder = tmp_path_factory.mktemp("schema")
    given = Settings(
        ledger=f"sqlite:///{folder}/ledger.db",
        store=f"file://{folder}/store",
        api_rate_per_minute=1_000_000,
    )
    with House.open(given, relaying=False) as opened:
        a_task(opened.ledger)
        tell(opened.ledger, "T-2")
        yield opened


@pytest.fixture(scope="module")
def api(house: House):  # type: ignore[no-untyped-def] # schemathesis' own
    with house.ledger.transaction() as connection:
        key = keys.create(connection, "schema", Role.ADMIN, "test")
    schema = schemathesis.openapi.from_asgi("/openapi.json", create(house))
    schema.config.update(headers={"Authorization": f"Bearer {key}"})
    return schema


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_every_answer_is_documented(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)


def test_the_document_is_the_same_from_process_to_process(tmp_path: Path, house: House) -> None:
    code = (
        "import json; from streams.api.app import create; from types import SimpleNamespace as N;"
        "print(json.dumps(create(N(settings=N(api_rate_per_minute=1))).openapi()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == create(house).openapi()
