"""Logging in on the console, by password and by link, and the own page."""

import re

from starlette.testclient import TestClient

from streams.services.accounts import sessions, users
from streams.web.console.auth import COOKIE
from tests.support.accounts import create_user
from tests.support.console import ADDRESS, Console


def test_logging_in_gives_a_new_session_whatever_was_brought(console: Console) -> None:
    """Session fixation: a planted cookie is worth nothing afterwards."""
    ada = create_user(console.resources.ledger, "Ada", "viewer", "x" * 12)
    planted = sessions.begin(console.resources.ledger, ada)
    sessions.end(console.resources.ledger, planted, ada)
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    client.cookies.set(COOKIE, planted)
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    form = {"before": mark[1], "name": "Ada", "password": "x" * 12, "next": "//evil.example/"}
    answer = client.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    values = answer.cookies[COOKIE]
    assert values != planted
    assert sessions.find(console.resources.ledger, planted) is None
    assert sessions.find(console.resources.ledger, values) is not None
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_log_in_needs_the_page_of_this_browser(console: Console) -> None:
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        form = {"before": "guess", "name": "Ada", "password": "x"}
        assert client.post("/login", data=form, headers=headers).status_code == 403


def test_many_tries_from_one_address_do_not_reach_the_ledger(console: Console) -> None:
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    form = {"before": mark[1], "name": "Ada", "password": "x"}
    answers = []
    for path in ["/login"] * 25 + ["/enter/guess"] * 10:
        answers.append(client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"}))
        marks = re.search(r'name="before" value="(\w+)"', answers[-1].text)
        form["before"] = marks[1] if marks else form["before"]
    assert "from your address" in answers[-1].text
    assert answers[-1].status_code == 429


def test_looking_at_a_link_does_not_use_it_up(console: Console) -> None:
    ada = console.user("viewer", "Ada")
    _, token = sessions.link(console.resources.ledger, ada.user_id, "test")
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    for _ in range(3):
        page = client.get(f"/enter/{token}")
    mark = re.search(r'name="before" value="(\w+)"', page.text)
    assert mark is not None
    entered = client.post(f"/enter/{token}", data={"before": mark[1]})
    assert (entered.status_code, entered.headers["location"]) == (303, "/me?new=1")
    assert "set a password" in client.get("/me?new=1").text
    page = client.get(f"/enter/{token}")
    again = re.search(r'name="before" value="(\w+)"', page.text)
    assert again is not None
    assert client.post(f"/enter/{token}", data={"before": again[1]}).status_code == 410


def test_each_role_begins_where_its_work_is(console: Console) -> None:
    first = {"viewer": "/tracks", "reviewer": "/queue", "lead": "/queue", "admin": "/check"}
    for role, path in first.items():
        assert console.browser(role).get("/").headers["location"] == path
    browser = console.browser("reviewer")
    answer = browser.submit("/me", password="n" * 12, again="n" * 12, new="1")
    assert answer.headers["location"] == "/"


def test_the_own_page_asks_for_the_old_password(console: Console) -> None:
    ledger, new = console.resources.ledger, "n" * 12
    console.made["Ada"] = create_user(ledger, "Ada", "viewer", "o" * 12)
    browser = console.browser("viewer", "Ada")
    assert 'name="old"' in browser.get("/me").text
    answer = browser.submit("/me", password=new, again=new, old="guess")
    assert (answer.status_code, "old password is not right" in answer.text) == (422, True)
    assert browser.submit("/me", password=new, again=new, old="o" * 12).status_code == 303
    assert 'name="old"' not in console.browser("viewer", "without one").get("/me").text
    with ledger.transaction() as connection:
        console.made["Eve"] = users.add(connection, "Eve", "viewer", "oidc", "issuer#1")
    assert 'name="password"' not in console.browser("viewer", "Eve").get("/me").text
