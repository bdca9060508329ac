"""Long lists of the console, part by part, on both databases: nothing skipped, nothing twice."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import chain
from urllib.parse import quote

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records.reviews import Appellant
from streams.services import appeals as reviewed
from streams.services import webhooks
from streams.stages.ledger import project
from streams.store.account_tables import DELIVERIES
from streams.web.console import admin, appeals, dead_letters, queue, tracks
from tests.support.console import Browser, Console
from tests.support.ledger_rows import letter
from tests.support.stories import tell

COUNT = 7
LISTS = {  # a list, and what each of its rows is known by
    "/queue?show=open": r'href="/tasks/(tsk_\w+)"',
    "/queue?show=late": r'href="/tasks/(tsk_\w+)"',
    "/queue?search=song": r'href="/tasks/(tsk_\w+)"',
    "/tracks": r'href="/tracks/(T-\d+)"',
    "/tracks?search=song": r'href="/tracks/(T-\d+)"',
    "/appeals": r'href="/appeals/(apl_\w+)"',
    "/admin/dead-letters?status=all": r'href="/admin/dead-letters/(ddl_\w+)"',
    "/admin/audit": r'<td class="num">(\d+)</td>',
    "/admin/webhooks": r'<span class="sub">(whd_\w+)</span>',
}


@pytest.fixture
def filled(url: str, opened: Callable[[str], Console], monkeypatch: pytest.MonkeyPatch) -> Console:
    """Seven of everything, some at the same moment and of the same priority; two on a page."""
    for module in (queue, tracks, appeals, admin):
        monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(dead_letters, "SHOWN", 2)
    console = opened(url)
    add(console, 0, COUNT)
    return console


def add(console: Console, start: int, count: int) -> None:
    ledger = console.resources.ledger
    webhooks.create(ledger, "https://hook.example/", [topics.DECIDED], "me")
    for number in range(start, start + count):
        decided, _ = tell(
            ledger,
            f"T-{number}",
            title=f"Song {number}",
            uploaded_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number // 3),
            at_ms=1_795_000_000_000 + number // 3 * 1_000,
        )
        reviewed.receive(
            ledger,
            decided.decision_id,
            appellant=Appellant(type="artist", id=f"artist-{number}"),
            grounds="not_ai",
            statement="I played it.",
            by="test",
        )
        project(ledger, [letter(b"no JSON", number)])
    with ledger.transaction() as connection:
        same = {"error": "refused", "created_at": datetime(2026, 11, 1, tzinfo=UTC)}
        connection.execute(sqlalchemy.update(DELIVERIES).values(same))


def link(html: str, which: str) -> str | None:
    match = re.search(rf'href="([^"]+)" rel="{which}"', html)
    return unescape(match[1]) if match else None


def walk(browser: Browser, path: str | None, which: str, pattern: str) -> list[list[str]]:
    """Follow the links of a list to its end; return what stands on each page."""
    pages = []
    while path is not None:
        answer = browser.get(path)
        assert answer.status_code == 200, answer.text[-500:]
        pages.append(re.findall(pattern, answer.text))
        path = link(answer.text, which)
        assert len(pages) < 50, "it has no end"
    return pages


def test_each_list_is_walked_to_its_end_and_back(
    filled: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = filled.browser("admin")
    monkeypatch.setattr(type(filled.resources), "note_view", lambda *_: None)  # the log would grow
    for path, pattern in LISTS.items():
        forward = walk(browser, path, "next", pattern)
        rows = list(chain(*forward))
        assert len(rows) == len(set(rows)) >= COUNT, path
        assert {len(page) for page in forward[:-1]} == {2}, path
        last, page = path, browser.get(path)
        while (further := link(page.text, "next")) is not None:
            last, page = further, browser.get(further)
        back = walk(browser, last, "prev", pattern)
        assert list(chain(*reversed(back))) == rows, path
        assert link(browser.get(path).text, "prev") is None, path
        assert link(page.text, "prev") is not None, path


def test_what_comes_meanwhile_moves_nothing(filled: Console) -> None:
    browser = filled.browser("admin")
    for times, path in enumerate(("/tracks", "/queue?show=late", "/appeals")):
        pattern = LISTS[path]
        rows = list(chain(*walk(browser, path, "next", pattern)))
        page = browser.get(path)
        seen = re.findall(pattern, page.text)
        add(filled, COUNT + 4 * times, 4)
        seen += chain(*walk(browser, link(page.text, "next"), "next", pattern))
        assert [one for one in seen if one in rows] == rows, path
        assert len(seen) == len(set(seen)), path


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_another_list_is_refused(console: Console, path: str) -> None:
    browser = console.browser("admin")
    for content in (
        *("x", "", ">", "><", ">\n", ">\0", ">i:1~i:2~i:3~i:4", ">dt:2026-01-01 00:00:00", "{}"),
        *(">dt:no time~s:a", f">i:{2**40}", ">x~x~x", ">true", ">s:a~s:b", "../../etc/passwd"),
        *(">dt:0001-01-01 00:00:00+14:00~s:a", ">dt:2026-01-01~i:1", "<s:5~dt:2026-01-01~s:a"),
    ):
        cursor = urlsafe_b64encode(content.encode()).decode()
        for value in (cursor, quote(content)):
            sign = "&" if "?" in path else "?"
            assert browser.get(f"{path}{sign}cursor={value}").status_code == 400, content
