"""The pauses between attempts: how long, and what ends them."""

import threading
import time

import pytest

from detector.errors import Fatal, Transient
from streams.runtime.health import Health
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings


def test_pauses_double_up_to_the_cap_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    policy = RetryPolicy("unit", Settings(retry_base_s=0.5, retry_cap_s=3, retry_attempts=6))
    monkeypatch.setattr(policy, "_sleep", pauses.append)

    def fail() -> None:
        raise Transient("away")

    with pytest.raises(Transient):
        policy.call(fail)
    full = [0.5, 1, 2, 3, 3]
    assert len(pauses) == len(full)
    for pause_s, longest_s in zip(pauses, full, strict=True):
        assert longest_s / 2 <= pause_s <= longest_s
    assert len(set(pauses)) == len(pauses)


def test_a_stop_ends_the_pause_and_the_attempts() -> None:
    stop, health = threading.Event(), Health("open")
    policy = RetryPolicy("unit", Settings(retry_base_s=60, retry_cap_s=60), health, stop)
    threading.Timer(0.05, stop.set).start()

    def fail() -> bool:
        raise Transient("away")

    begun = time.monotonic()
    assert policy.call_until_stopped("open", fail) is None
    assert time.monotonic() - begun < 10
    assert health.missing == ["open"]


def test_a_process_lives_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[int] = []
    health = Health("open")
    monkeypatch.setattr(health, "beat", lambda: beats.append(1))
    policy = RetryPolicy("unit", Settings(retry_base_s=0.001), health)
    failures = [Transient("away")]

    def attempt() -> bool:
        if failures:
            raise failures.pop()
        return True

    assert policy.call_until_stopped("open", attempt)
    assert (len(beats), health.missing) == (2, [])


def test_only_a_transient_failure_is_attempted_again() -> None:
    attempts: list[int] = []

    def fail() -> None:
        attempts.append(1)
        raise Fatal("broken")

    with pytest.raises(Fatal):
        RetryPolicy("unit", Settings()).call(fail)
    assert len(attempts) == 1
