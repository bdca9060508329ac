"""Webhooks by HTTP: made, listed, replayed, removed."""

from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from streams.contract import topics
from tests.support.console import Console
from tests.support.stories import tell

HOOK = {"url": "https://hook.example/", "events": [topics.DECIDED]}
EVER = {"since": "2020-01-01T00:00:00Z"}


@pytest.fixture
def admin(console: Console) -> TestClient:
    return console.program("admin")


def test_a_webhook_is_made_shown_without_its_secret_and_removed(admin: TestClient) -> None:
    made = admin.post("webhooks", json=HOOK)
    assert made.status_code == 201
    assert len(made.json()["secret"]) > 20
    (listed,) = admin.get("webhooks").json()
    assert listed["webhook_id"] == made.json()["webhook_id"]
    assert (listed["url"], listed["events"]) == (HOOK["url"], HOOK["events"])
    assert listed["secret"] is None
    path = f"webhooks/{listed['webhook_id']}"
    assert admin.delete(path).status_code == 204
    assert admin.get("webhooks").json() == []
    assert admin.delete(path).json()["code"] == "no_such_webhook"


def test_what_was_decided_since_is_posted_again(admin: TestClient, console: Console) -> None:
    webhook_id = admin.post("webhooks", json=HOOK).json()["webhook_id"]
    tell(console.resources.ledger)
    tell(console.resources.ledger, "T-2")
    path = f"webhooks/{webhook_id}/replay"
    assert admin.post(path, json=EVER).json() == {"deliveries": 2}
    late = {"since": datetime(2999, 1, 1, tzinfo=UTC).isoformat()}
    assert admin.post(path, json=late).json() == {"deliveries": 0}
    assert admin.post("webhooks/whk_unknown/replay", json=EVER).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": HOOK["url"], "events": []},
        {"url": HOOK["url"], "events": ["no.topic"]},
        {"url": "http://[half", "events": [topics.DECIDED]},
        {"url": "file:///etc/passwd", "events": [topics.DECIDED]},
        {**HOOK, "secret": "mine"},
    ],
)
def test_what_is_no_webhook_is_a_problem(admin: TestClient, body: dict[str, object]) -> None:
    assert admin.post("webhooks", json=body).status_code == 422
    assert admin.get("webhooks").json() == []


def test_a_time_without_a_zone_is_a_problem(admin: TestClient) -> None:
    webhook_id = admin.post("webhooks", json=HOOK).json()["webhook_id"]
    body = {"since": "2020-01-01T00:00:00"}
    assert admin.post(f"webhooks/{webhook_id}/replay", json=body).status_code == 422
