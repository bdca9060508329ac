"""A clock that jumps: PostgreSQL's own is asked before anything is decided by date."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services import reexamination
from streams.store import clock as module
from streams.store.clock import CheckedClock, ClockDiffers
from streams.store.database import Ledger
from tests.support.databases import MIGRATED, Databases


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By how much this machine's clock is wrong."""
    shift = [0.0]
    fake = SimpleNamespace(time=lambda: time.time() + shift[0], monotonic=time.monotonic)
    monkeypatch.setattr(module, "time", fake)
    return shift


def test_a_jump_is_seen_at_once_and_its_end_too(databases: Databases, shift: list[float]) -> None:
    with databases.new(MIGRATED) as url:
        ledger = Ledger.open(url)
        clock = CheckedClock(ledger)
        assert abs(clock.now().timestamp() - time.time()) < 5
        for days in (30, -30):
            shift[0] = days * 86_400
            for _ in range(2):
                with pytest.raises(ClockDiffers):
                    clock.now()
            assert metrics.CLOCK_DIFFERENCE._value.get() == pytest.approx(-shift[0], abs=5)
        shift[0] = 30.0  # less than minutes
        assert abs(clock.now().timestamp() - time.time() - 30) < 5
        ledger.close()


def test_no_decision_is_due_by_a_clock_that_is_wrong(
    databases: Databases, shift: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()
    asked_at: list[Any] = []

    def due(ledger: Ledger, now: Any) -> list[tuple[str, str]]:
        asked_at.append(now)
        asked.set()
        return []

    warned = threading.Event()
    monkeypatch.setattr(reexamination, "SCAN_S", 0.02)
    monkeypatch.setattr("streams.store.reopening.due", due)
    monkeypatch.setattr(
        reexamination, "log", SimpleNamespace(warning=lambda *_, **__: warned.set())
    )
    shift[0] = 365 * 86_400.0
    with databases.new(MIGRATED) as url:
        ledger = Ledger.open(url)
        with reexamination.due_scan(Settings(), ledger, "scan"):
            assert warned.wait(10)
            assert not asked_at
            shift[0] = 0.0
            assert asked.wait(10)
        ledger.close()


def test_sqlite_has_no_clock_of_its_own(shift: list[float], migrated: Any) -> None:
    ledger = Ledger.open(f"sqlite:///{migrated}")
    shift[0] = 86_400.0
    assert CheckedClock(ledger).now().timestamp() > time.time() + 80_000
    ledger.close()
