"""Pages of long lists by HTTP, and their cursors."""

import pytest
from starlette.testclient import TestClient

from tests.support.console import Console
from tests.support.stories import tell


def test_pages_neither_skip_nor_repeat(console: Console, program: TestClient) -> None:
    for number in range(7):
        tell(console.resources.ledger, f"T-{number}", at_ms=1_795_000_000_000 + number // 2 * 1_000)
    seen, cursor = [], ""
    while True:
        page = program.get(f"uploads?limit=2{cursor}").json()
        seen += [one["upload"]["track_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == [f"T-{number}" for number in range(7)]
    assert seen[0] == "T-6"


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ", "W10", "WyJhIiwiYiJd", "/etc/passwd", "%00"])
def test_a_cursor_of_somebody_else_is_a_problem(program: TestClient, cursor: str) -> None:
    assert program.get(f"uploads?cursor={cursor}").status_code == 400


@pytest.mark.parametrize("limit", [0, 201, -1, "many"])
def test_a_page_has_one_to_two_hundred_records(program: TestClient, limit: object) -> None:
    assert program.get(f"uploads?limit={limit}").status_code == 422
    for edge in (1, 200):
        assert program.get(f"uploads?limit={edge}").json() == {"items": [], "next_cursor": None}
