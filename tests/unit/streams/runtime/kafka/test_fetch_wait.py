"""A fetch waits shortly while something comes, and longer while nothing does."""

import pytest

from streams.runtime.kafka.fetch_wait import IDLE_MS, QUIET_S, FetchWait


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_it_grows_when_nothing_comes_and_shrinks_with_the_first_event(clock: list[float]) -> None:
    answer: list[int] = []
    wait = FetchWait(50, answer.append)
    wait.update()
    clock[0] += QUIET_S - 0.1
    wait.update()
    assert answer == [], "it may still be busy"
    clock[0] += 0.2
    wait.update()
    wait.update()
    assert answer == [IDLE_MS], "said once"
    wait.busy()
    wait.busy()
    assert answer == [IDLE_MS, 50]
    clock[0] += QUIET_S + 0.1
    wait.update()
    assert answer == [IDLE_MS, 50, IDLE_MS]


def test_a_wait_that_is_long_already_stays(clock: list[float]) -> None:
    answer: list[int] = []
    wait = FetchWait(2 * IDLE_MS, answer.append)
    clock[0] += QUIET_S + 1
    wait.update()
    wait.busy()
    assert answer == []
