"""Every route of the console and of the API: who is let in, and who is not."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount

from streams.accounts.roles import PEOPLE, RIGHTS, Right, Role
from streams.api import appeals, tracks, uploads, webhooks
from streams.api.callers import Needs as KeyNeeds
from streams.console.app import PAGES
from streams.console.visitors import Needs
from tests.console.conftest import Console

OPEN = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/enter/{token}"),
    ("POST", "/enter/{token}"),
}
OPEN |= {("GET", "/oidc/start"), ("GET", "/oidc/back")}
VALUES = {
    "upload_id": "upl_1", "task_id": "tsk_1", "verdict_id": "vrd_1", "track_id": "T-1",
    "decision_id": "dec_1", "appeal_id": "apl_1", "webhook_id": "whk_1", "ending": "png",
    "dead_letter_id": "ddl_1", "user_id": "usr_1", "key_id": "key_1", "token": "x",
}  # fmt: skip


def pages() -> Iterator[tuple[str, str, APIRoute]]:
    for page in PAGES:
        for route in page.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods):
                yield method, route.path, route


def filled(path: str) -> str:
    return path.replace(":path", "").format_map(VALUES)


def right_of(route: APIRoute, kind: type[Any]) -> Any:
    found = [one.call for one in route.dependant.dependencies if isinstance(one.call, kind)]
    assert len(found) == 1, f"{route.path} must name exactly one right"
    return found[0].right


PAGE_ROUTES = [(method, path) for method, path, _ in pages() if (method, path) not in OPEN]
RIGHT = {(method, path): route for method, path, route in pages()}


def test_every_page_names_a_right_or_is_open_on_purpose() -> None:
    for method, path in PAGE_ROUTES:
        right_of(RIGHT[(method, path)], Needs)


def test_nothing_else_is_served(console: Console) -> None:
    mounts = {route.path for route in console.inner.routes if isinstance(route, Mount)}
    assert mounts == {"/v1", "/static"}


@pytest.mark.parametrize("role", PEOPLE)
def test_the_wrong_role_gets_403_on_every_page(console: Console, role: Role) -> None:
    browser = console.browser(role)
    tried = 0
    for method, path in PAGE_ROUTES:
        right = right_of(RIGHT[(method, path)], Needs)
        send = browser.submit if method == "POST" else browser.get
        if method == "HEAD":
            continue
        answer = send(filled(path))
        allowed = right is None or right in RIGHTS[role]
        if allowed:
            assert answer.status_code not in (401, 403), f"{method} {path} for {role}"
        else:
            assert answer.status_code == 403, f"{method} {path} for {role}"
            tried += 1
        if path == "/logout":  # it worked
            browser = console.browser(role)
    assert tried > 0 or role is Role.ADMIN


def test_without_a_session_every_page_leads_to_the_log_in(console: Console) -> None:
    stranger = console.browser("viewer")
    stranger.cookies.clear()
    for method, path in PAGE_ROUTES:
        if method == "GET":
            answer = stranger.get(filled(path))
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login"), path
        elif method == "POST":
            assert stranger.submit(filled(path)).status_code == 401, path


def test_without_the_token_nothing_is_done(console: Console) -> None:
    browser = console.browser("admin")
    for method, path in PAGE_ROUTES:
        if method == "POST":
            for headers in ({}, {"X-CSRF-Token": "wrong"}):
                answer = browser.post(filled(path), data={"csrf": "wrong"}, headers=headers)
                assert answer.status_code == 403, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_does_nothing_even_with_the_token(
    console: Console, headers: dict[str, str]
) -> None:
    browser = console.browser("admin")
    for method, path in PAGE_ROUTES:
        if method == "POST":
            answer = browser.post(filled(path), data={"csrf": browser.csrf}, headers=headers)
            assert answer.status_code == 403, path


def test_every_api_route_demands_a_key_with_its_right(console: Console) -> None:
    programs = {role: console.program(role) for role in Role}
    stranger = console.program("viewer")
    stranger.headers.pop("Authorization")
    found = list(_api())
    assert len(found) >= 14
    for method, path, route in found:
        right: Right = right_of(route, KeyNeeds)
        target = filled(path).lstrip("/")
        assert stranger.request(method, target).status_code == 401, path
        for role, program in programs.items():
            status = program.request(method, target).status_code
            if right in RIGHTS[role]:
                assert status not in (401, 403), f"{method} {path} for {role}"
            else:
                assert status == 403, f"{method} {path} for {role}"


def _api() -> Iterator[tuple[str, str, APIRoute]]:
    for module in (uploads, tracks, appeals, webhooks):
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods):
                yield method, route.path, route
