"""When a worker gives up on its group (``faust_worker``), without a broker."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.runtime.health import Health
from streams.runtime.kafka import faust_worker as worker_module
from streams.runtime.kafka.faust_worker import Worker, WorkerCrashed
from streams.runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("unpatched")


def failure_after(folder: Path, change: Callable[[Worker], None]) -> BaseException | None:
    async def run() -> BaseException | None:
        settings = Settings(brokers="127.0.0.1:1", session_timeout_s=6)
        health = Health("partitions_assigned")
        worker = Worker("limits", "source", settings, health, folder, limit=32)
        change(worker)
        await worker.observe()
        assert worker.failed.is_set() == (worker.failure is not None)
        return worker.failure

    return asyncio.run(run())


def waiting_for(factor: float) -> Callable[[Worker], None]:
    """Let the worker have waited for partitions, in multiples of its limit."""

    def change(worker: Worker) -> None:
        patience = worker_module.JOIN_TIMEOUT_FACTOR * worker._app.conf.broker_rebalance_timeout
        worker._joining_since = time.monotonic() - factor * patience

    return change


def test_a_group_that_gives_no_partitions_is_given_up(tmp_path: Path) -> None:
    failure = failure_after(tmp_path, waiting_for(1.1))
    assert isinstance(failure, WorkerCrashed)
    assert "no assignment from the group for 150 s" in str(failure)


def test_a_slow_rebalance_is_waited_for(tmp_path: Path) -> None:
    assert failure_after(tmp_path, waiting_for(0.9)) is None


def test_having_partitions_is_no_waiting(tmp_path: Path) -> None:
    def assigned(worker: Worker) -> None:
        waiting_for(9)(worker)
        worker._joining_since = None  # as on every assignment

    assert failure_after(tmp_path, assigned) is None


def test_an_error_of_the_group_is_not_waited_out(tmp_path: Path) -> None:
    def refused(worker: Worker) -> None:
        coordinator = SimpleNamespace(_pending_exception=PermissionError("no such right"))
        consumer = SimpleNamespace(_coordinator=coordinator)
        worker._app._consumer = SimpleNamespace(_thread=SimpleNamespace(_consumer=consumer))

    failure = failure_after(tmp_path, refused)
    assert "no such right" in str(failure)
