"""Every route of the console and of the API: who is let in, and who is not."""

import re
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, literal, update
from starlette.routing import Mount

from streams.contract.records import MAX_WHOLE
from streams.contract.records.reviews import Appellant
from streams.media.kept_audio import Arriving
from streams.services import appeals as reviewed
from streams.services.accounts.roles import PEOPLE, RIGHTS, Right, Role
from streams.stages.ledger import project
from streams.store import dead_letter_store
from streams.store.tables import METADATA
from streams.web.api.app import MODULES
from streams.web.api.callers import Needs as KeyNeeds
from streams.web.artist import api as artist_api
from streams.web.artist import pages as artist_pages
from streams.web.artist import rights_api, rights_pages
from streams.web.artist.guests import ByCookie, ByToken
from streams.web.console.app import PAGES
from streams.web.console.auth import Needs
from tests.support.console import Console
from tests.support.ledger_rows import letter
from tests.support.stories import hear, tell

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
    "link_id": "lnk_1", "file_id": "fil_1", "statement_id": "sor_1",
    "rightsholder_id": "rho_1", "request_id": "rrq_1",
}  # fmt: skip


def pages() -> Iterator[tuple[str, str, APIRoute]]:
    for page in PAGES:
        for route in page.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, route.path, route


def filled(path: str) -> str:
    return path.replace(":path", "").format_map(VALUES)


def right_of(route: APIRoute, kind: type[Any]) -> Any:
    matches = [one.call for one in route.dependant.dependencies if isinstance(one.call, kind)]
    assert len(matches) == 1, f"{route.path} must name exactly one right"
    return matches[0].right


PAGE_ROUTES = [(method, path) for method, path, _ in pages() if (method, path) not in OPEN]
RIGHT = {(method, path): route for method, path, route in pages()}


def test_every_page_names_a_right_or_is_open_on_purpose() -> None:
    for method, path in PAGE_ROUTES:
        right_of(RIGHT[(method, path)], Needs)


def served(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield every route beneath an application, in whatever it is wrapped."""
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is None:
            yield route
        else:
            yield from served(inside.routes)


def of_guests(module: ModuleType, kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Yield the routes of artists; each but the first one lets a guest in by a link."""
    for route in module.router.routes:
        lets_in = [one.call for one in route.dependant.dependencies if isinstance(one.call, kind)]
        assert len(lets_in) == 1 or route.path == "/artist/open/{token}", route.path
        for method in route.methods:
            yield method, route.path


def test_nothing_else_is_served(console: Console) -> None:
    """The tables here are of all routes: whatever is added without a right is found."""
    mounts, pages_ = {}, set()
    for route in served(console.inner.routes):
        if isinstance(route, Mount):
            mounts[route.path] = route.app
        else:
            assert isinstance(route, APIRoute), route
            pages_ |= {(method, route.path) for method in route.methods or ()}
    assert mounts.keys() == {"/v1", "/static", "/artist/static"}
    assert pages_ == (
        set(PAGE_ROUTES)
        | OPEN
        | set(of_guests(artist_pages, ByCookie))
        | set(of_guests(rights_pages, ByCookie))
    )
    of_api = set()
    for route in served(mounts["/v1"].routes):  # type: ignore[attr-defined] # an application
        if isinstance(route, APIRoute):
            of_api |= {(method, route.path) for method in route.methods or ()}
        else:
            assert (route.path, route.methods) == ("/openapi.json", {"GET", "HEAD"})
    by_link = set(of_guests(artist_api, ByToken)) | set(of_guests(rights_api, ByToken))
    assert of_api == {(method, path) for method, path, _ in _api()} | by_link


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


UNNOTED = {  # views that show only the visitor's own data
    ("GET", "/"),
    ("GET", "/me"),
    ("GET", "/check/{upload_id}/state"),
    ("GET", "/appeals/new"),
}


def test_every_view_stands_in_the_audit_log(console: Console) -> None:
    """Also a refused view, and a view of what does not exist."""
    browser, seen = console.browser("admin"), []
    object.__setattr__(console.resources, "note_view", lambda *view: seen.append(view))
    values = shown(console)
    for method, path in PAGE_ROUTES:
        if method != "GET":
            continue
        seen.clear()
        answer = browser.get(path.replace(":path", "").format_map(VALUES | values))
        assert answer.status_code < 500, path
        noted = [one for one in seen if one[0] == console.user("admin").user_id]
        assert bool(noted) is ((method, path) not in UNNOTED), (path, answer.status_code)
    for path in ("/tasks/{task_id}/take", "/tasks/{task_id}/verdict", "/admin/users"):
        seen.clear()
        answer = browser.submit(path.format_map(VALUES | values))
        if answer.status_code >= 400:  # it shows the page once more, with a fault
            assert seen, path


def shown(console: Console) -> dict[str, str]:
    """A track with everything, decoded and decided."""
    ledger = console.resources.ledger
    decided, requested = tell(ledger)
    assert requested is not None
    with Arriving(console.resources.uploads) as arriving:
        arriving.write(b"RIFF" + bytes(range(200)))
        kept = arriving.whole()
        arriving.keep()
    hear(ledger, decided, kept.sha256)
    project(ledger, [letter(b"no JSON", 1)])
    appeal = reviewed.receive(
        *(ledger, decided.decision_id),
        appellant=Appellant(type="artist", id="artist-7"),
        grounds="not_ai",
        statement="I played it.",
        by="test",
    )
    (died,) = dead_letter_store.find(ledger, dead_letter_store.DeadLetterFilter())
    return {
        "upload_id": decided.upload_id,
        "task_id": requested.task_id,
        "decision_id": decided.decision_id,
        "appeal_id": appeal.appeal_id,
        "dead_letter_id": died.dead_letter_id,
    }


OLD = '{"of_old": 1e999, "nothing": NaN, "strikes": ' + 4_000 * "9" + ","


def test_rows_that_an_earlier_release_took_break_no_page_and_no_list(
    opened: Callable[[str], Console], url: str
) -> None:
    """Numbers that this release refuses; each table with records has them."""
    console = opened(url)
    values = VALUES | shown(console)
    with console.resources.ledger.transaction() as connection:
        for table in METADATA.tables.values():
            if "record" in table.c:
                aged = literal(OLD) + func.substr(table.c.record, 2)
                connection.execute(update(table).values(record=aged))
    browser, program = console.browser("admin"), console.program("admin")
    for method, path in PAGE_ROUTES:
        if method == "GET":
            answer = browser.get(path.replace(":path", "").format_map(values))
            assert answer.status_code < 500, path
    for method, path, _ in _api():
        if method == "GET":
            answer = program.get(path.replace(":path", "").format_map(values).lstrip("/"))
            assert answer.status_code < 500, path
    assert program.get("uploads").json()["items"][0]["strikes"] == MAX_WHOLE
    assert "T-1" in browser.get("/tracks").text


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


@pytest.mark.parametrize("role", PEOPLE)
def test_the_menu_leads_everywhere_that_one_may_go_and_nowhere_else(
    console: Console, role: Role
) -> None:
    browser = console.browser(role)
    matches = set[str]()
    todo = ["/me"]
    while todo:
        answer = browser.get(todo.pop())
        assert answer.status_code == 200, answer.url
        menus = "".join(re.findall(r"<nav.*?</nav>", answer.text, re.DOTALL))
        new = set(re.findall(r'href="(/[a-z/-]*)"', menus)) - matches
        matches |= new
        todo += sorted(new)
    plain = {path for method, path in PAGE_ROUTES if method == "GET" and "{" not in path}
    plain -= {"/", "/me", "/appeals/new"}
    rights = {path: right_of(RIGHT[("GET", path)], Needs) for path in plain}
    assert matches == {path for path in plain if rights[path] in RIGHTS[role]}


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
    matches = list(_api())
    assert len(matches) >= 14
    for method, path, route in matches:
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
    for module in MODULES:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            for method in sorted(route.methods or ()):
                yield method, route.path, route
