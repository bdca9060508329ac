"""Links of artists by HTTP: made, listed, revoked; of others nothing."""

from collections.abc import Callable

import pytest

from tests.support.console import Console
from tests.support.stories import tell

KEY = "k" * 40


@pytest.fixture
def console(opened: Callable[..., Console], url: str) -> Console:
    return opened(url, link_key=KEY, link_days=10)


def test_a_link_is_made_listed_without_its_token_and_revoked(console: Console) -> None:
    decided, _ = tell(console.resources.ledger, distributor="D-1")
    program = console.program("ingest", "D-1")
    made = program.post("links", json={"decision_id": decided.decision_id})
    assert made.status_code == 201, made.text
    link = made.json()["link"]
    assert made.json()["url"].endswith(f"/artist/open/{made.json()['token']}")
    assert made.json()["statement"] == {}, "``tell`` writes none"
    assert made.json()["token"].startswith(f"{link['link_id']}.{decided.decision_id}.")
    listed = program.get("links", params={"decision_id": decided.decision_id})
    assert listed.json()["items"] == [link]
    assert made.json()["token"].rpartition(".")[2] not in listed.text
    assert program.delete(f"links/{link['link_id']}").status_code == 204
    (revoked,) = program.get("links").json()["items"]
    assert revoked["revoked_at"] is not None


def test_a_distributor_has_no_links_to_what_others_delivered(console: Console) -> None:
    decided, _ = tell(console.resources.ledger, distributor="D-1")
    about = {"decision_id": decided.decision_id}
    made = console.program("admin").post("links", json=about).json()["link"]["link_id"]
    other = console.program("ingest", "D-2")
    assert other.post("links", json=about).json()["code"] == "no_such_decision"
    assert other.get("links").json()["items"] == []
    assert other.delete(f"links/{made}").json()["code"] == "no_such_link"


def test_what_is_no_request_for_a_link_is_a_problem(
    console: Console, opened: Callable[..., Console], url: str
) -> None:
    decided, _ = tell(console.resources.ledger)
    program = console.program("admin")
    for more in ({"days": 0}, {"days": 9_999}, {"track_id": "T-1"}):
        body = {"decision_id": decided.decision_id} | more
        assert program.post("links", json=body).status_code == 422
    without = opened(url).program("admin")
    answer = without.post("links", json={"decision_id": decided.decision_id})
    assert (answer.status_code, answer.json()["code"]) == (409, "links_off")
