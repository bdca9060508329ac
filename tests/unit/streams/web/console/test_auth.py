"""Rights on the console's pages, and where they lead."""

import pytest
import sqlalchemy

from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.store.account_tables import SESSIONS
from streams.web.console.auth import local
from tests.support.console import Console


def test_a_role_that_is_taken_away_is_gone_at_once(console: Console) -> None:
    browser = console.browser("admin", "second admin")
    console.user("admin")
    assert browser.get("/admin").status_code == 200
    ledger, user_id = console.resources.ledger, console.made["second admin"].user_id
    users.change(ledger, user_id, role="viewer", active=True, by="test")
    assert browser.get("/admin").status_code == 403
    users.change(ledger, user_id, role="viewer", active=False, by="test")
    assert browser.get("/tracks").status_code == 303
    with console.resources.ledger.reading() as connection:
        own = SESSIONS.c.user_id == user_id
        assert connection.scalars(sqlalchemy.select(SESSIONS.c.user_id).where(own)).all() == []


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/queue?x=1", "/queue?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"),
        ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
    ],
)  # fmt: skip
def test_after_the_log_in_only_our_own_pages_follow(path: str, leads_to: str) -> None:
    assert local(path) == leads_to


def test_rights_are_words_that_templates_may_ask_for() -> None:
    assert {right.value for right in Right} >= {"read", "upload", "review", "admin"}
