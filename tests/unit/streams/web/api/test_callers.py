"""Callers: rates and tokens."""

from typing import Any, cast

import pytest

from streams.web.api import callers
from streams.web.api.callers import RateLimit
from tests.support.console import Console


def test_the_rate_of_a_key_is_limited() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert [limit.wait_s("a") for _ in range(60)] == [0] * 60
    assert limit.wait_s("a") == pytest.approx(1, abs=0.01)
    assert limit.wait_s("b") == 0
    now[0] += 1.01
    assert limit.wait_s("a") == 0
    assert limit.wait_s("a") > 0


def test_many_strangers_do_not_give_a_caller_its_tokens_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "MOST_BUCKETS", 100)
    limit = RateLimit(2, lambda: 0.0)
    for number in range(500):
        limit.wait_s(f"stranger {number}")
        waits = limit.wait_s("busy") > 0
        assert waits is (number > 1)


def test_too_many_requests_are_told_when_to_come_back(console: Console) -> None:
    program = console.program("viewer")
    limit = RateLimit(2)
    mounted = next(
        cast(Any, route).app
        for route in console.inner.routes
        if getattr(route, "path", "") == "/v1"
    )
    mounted.state.rate_limit = limit
    statuses = [program.get("uploads").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert int(program.get("uploads").headers["retry-after"]) > 0
