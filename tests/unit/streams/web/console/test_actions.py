"""Every action of the console stands in the audit log, by whom and on what."""

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
import sqlalchemy

from streams.contract import topics
from streams.stages.ledger import project
from streams.store import audit, dead_letter_store
from streams.store.account_tables import AUDIT
from tests.support.console import Browser, Console
from tests.support.ledger_rows import letter
from tests.support.mail import restrict
from tests.support.rightsholders import link, waiting
from tests.support.stories import a_task, tell
from tests.unit.streams.web.test_routes import PAGE_ROUTES

# What each action leaves in the log; renewing a lease is the page's script, not a person.
NOTED = {
    "/logout": {"logout"},
    "/me": {"blind_mode", "password_set"},
    "/check": {"uploaded"},
    "/queue/next": {"task_taken"},
    "/tasks/{task_id}/take": {"task_taken"},
    "/tasks/{task_id}/renew": set(),
    "/tasks/{task_id}/put-back": {"task_put_back"},
    "/tasks/{task_id}/verdict": {"verdict_given"},
    "/verdicts/{verdict_id}/undo": {"verdict_undone"},
    "/links": {"artist_link_made"},
    "/links/{link_id}/revoke": {"artist_link_revoked"},
    "/rightsholders": {"rightsholder_set"},
    "/rightsholders/{rightsholder_id}/links": {"artist_link_made"},
    "/rightsholders/{rightsholder_id}/links/{link_id}/revoke": {"artist_link_revoked"},
    "/rightsholders/{rightsholder_id}/erase": {"rightsholder_erased"},
    "/rights-requests/{request_id}/approve": {"rights_choice_approved"},
    "/rights-requests/{request_id}/refuse": {"rights_request_refused"},
    "/admin/statements": {"statement_address_set"},
    "/admin/statements/remove": {"statement_address_removed"},
    "/admin/statements/resend": {"statement_resent"},
    "/appeals": {"appeal_received"},
    "/appeals/{appeal_id}/step": {"appeal_changed"},
    "/quality/second": {"second_reviews_opened"},
    "/quality/golden": {"golden_set", "golden_given"},
    "/admin/users": {"user_created", "link_made"},
    "/admin/users/{user_id}": {"user_changed", "link_made"},
    "/admin/keys": {"key_created"},
    "/admin/keys/{key_id}/revoke": {"key_revoked"},
    "/admin/webhooks": {"webhook_created"},
    "/admin/webhooks/{webhook_id}": {"webhook_replayed", "webhook_ended"},
    "/admin/dead-letters/{dead_letter_id}": {"dead_letter_dropped"},  # a replay needs a broker
}


def test_the_table_is_of_all_actions() -> None:
    assert NOTED.keys() == {path for method, path in PAGE_ROUTES if method == "POST"}


@pytest.fixture
def console(opened: Callable[..., Console], url: str) -> Console:
    return opened(url, link_key="k" * 40)


@pytest.fixture
def admin(console: Console) -> Browser:
    return console.browser("admin")


class Log:
    """What has been written to the audit log since it was last asked."""

    def __init__(self, console: Console) -> None:
        self._console, self._after = console, 0
        self.new()

    def new(self) -> set[tuple[str, str]]:
        question = sqlalchemy.select(AUDIT).where(AUDIT.c.sequence > self._after)
        with self._console.resources.ledger.reading() as connection:
            rows = connection.execute(question.order_by(AUDIT.c.sequence)).all()
        self._after = rows[-1].sequence if rows else self._after
        return {(row.actor, row.action) for row in rows if not row.action.endswith("_seen")}


def of_rights(console: Console, admin: Browser) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Yield the actions about rightsholders."""
    ledger = console.resources.ledger
    yield "/rightsholders", "/rightsholders", {"party_id": "P-9", "name": "Nora"}
    opened = link(ledger)
    route, path = "/rightsholders/{rightsholder_id}", f"/rightsholders/{opened.rightsholder_id}"
    yield f"{route}/links", f"{path}/links", {}
    yield f"{route}/links/{{link_id}}/revoke", f"{path}/links/{opened.link_id}/revoke", {}
    first = f"/rights-requests/{waiting(ledger, opened).request_id}"
    yield "/rights-requests/{request_id}/approve", f"{first}/approve", {}
    second = f"/rights-requests/{waiting(ledger, opened, permission='grant').request_id}"
    yield "/rights-requests/{request_id}/refuse", f"{second}/refuse", {"reasons": "no"}
    yield f"{route}/erase", f"{path}/erase", {}


def actions(console: Console, admin: Browser) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Yield the actions in an order in which each can be done: its route, its address, its form."""
    ledger = console.resources.ledger
    task = f"/tasks/{a_task(ledger)}"
    yield "/me", "/me", {"what": "blind", "blind": "on"}
    yield "/me", "/me", {"what": "blind"}
    yield "/queue/next", "/queue/next", {}
    yield "/tasks/{task_id}/put-back", f"{task}/put-back", {}
    yield "/tasks/{task_id}/take", f"{task}/take", {}
    yield "/tasks/{task_id}/renew", f"{task}/renew", {}
    yield "/tasks/{task_id}/verdict", f"{task}/verdict", {"finding": "None", "reason": "R-DECLARED"}
    yield "/quality/second", "/quality/second", {"count": "1"}
    verdict = re.search(r"/verdicts/(\w+)/undo", admin.get(task).text)
    assert verdict is not None
    yield "/verdicts/{verdict_id}/undo", verdict[0], {}
    other, _ = tell(ledger, "T-2", title="Another")
    appeal = {"decision": other.decision_id, "appellant": "artist", "appellant_id": "artist-7"}
    yield "/appeals", "/appeals", {**appeal, "grounds": "not_ai", "statement": "I played it."}
    page = re.search(r"/appeals/(apl_\w+)", admin.get("/appeals").text)
    assert page is not None
    step = {"state": "admissible", "sequence": "0"}
    yield "/appeals/{appeal_id}/step", f"{page[0]}/step", step
    shown = admin.submit("/links", decision=other.decision_id).text
    yield "/links", "/links", {"decision": other.decision_id}
    made = re.search(r"/artist/open/(lnk_\w+)\.", shown)
    assert made is not None
    yield "/links/{link_id}/revoke", f"/links/{made[1]}/revoke", {}
    yield from of_rights(console, admin)
    about = {"distributor": "D-1", "address": "desk@label.example", "language": "en"}
    yield "/admin/statements", "/admin/statements", about
    yield "/admin/statements/remove", "/admin/statements/remove", about
    lost = restrict(ledger, "T-3", distributor="D-2").statement_id
    yield "/admin/statements/resend", "/admin/statements/resend", {"statement": lost}
    golden = {"upload_id": other.upload_id, "extent": "None", "why": "we recorded it"}
    yield "/quality/golden", "/quality/golden", golden
    yield "/quality/golden", "/quality/golden", {"what": "give"}
    yield "/admin/users", "/admin/users", {"name": "Ada", "role": "viewer"}
    ada = f"/admin/users/{console.user('viewer').user_id}"
    yield "/admin/users/{user_id}", ada, {"role": "reviewer", "active": "on"}
    yield "/admin/users/{user_id}", ada, {"what": "link"}
    yield "/admin/keys", "/admin/keys", {"name": "a program", "role": "viewer"}
    key = re.search(r"/admin/keys/(key_\w+)/revoke", admin.get("/admin/keys").text)
    assert key is not None
    yield "/admin/keys/{key_id}/revoke", key[0], {}
    hook = {"url": "https://hook.example/", "event": topics.DECIDED}
    yield "/admin/webhooks", "/admin/webhooks", hook
    made = re.search(r"/admin/webhooks/(whk_\w+)", admin.get("/admin/webhooks").text)
    assert made is not None
    yield "/admin/webhooks/{webhook_id}", made[0], {"what": "replay"}
    yield "/admin/webhooks/{webhook_id}", made[0], {"what": "end"}
    project(ledger, [letter(b"no JSON", 1)])
    (died,) = dead_letter_store.find(ledger, dead_letter_store.DeadLetterFilter())
    drop = {"what": "drop", "why": "to see"}
    route = "/admin/dead-letters/{dead_letter_id}"
    yield route, f"/admin/dead-letters/{died.dead_letter_id}", drop
    password = "a long enough password"  # noqa: S105 - of a test
    yield "/me", "/me", {"password": password, "again": password}


def test_every_action_stands_in_the_audit_log(console: Console, admin: Browser) -> None:
    me, log = console.user("admin").user_id, Log(console)
    console.user("viewer")
    noted: dict[str, set[str]] = {}
    for route, path, fields in actions(console, admin):
        log.new()
        answer = admin.submit(path, **fields)
        assert answer.status_code in (200, 303), (path, answer.status_code, answer.text[-300:])
        new = log.new()
        assert {actor for actor, _ in new} <= {me}, path
        assert new or not NOTED[route], path
        noted[route] = noted.get(route, set()) | {action for _, action in new}
    token = console.browser("admin")  # the password ended the sessions before
    log.new()
    headers = {"X-CSRF-Token": token.csrf, "Sec-Fetch-Site": "same-origin"}
    assert token.post("/check", files={"file": ("a.wav", b"RIFF")}, headers=headers).is_success
    noted["/check"] = {action for _, action in log.new()}
    assert token.submit("/logout").status_code == 303
    noted["/logout"] = {action for _, action in log.new()}
    assert noted == NOTED
    assert audit.verify(console.resources.ledger).fault is None
