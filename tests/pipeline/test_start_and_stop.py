"""Any order of starting, any moment of stopping: the real workers under their supervisor."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streams.contract.processes import GROUPS
from streams.contract.records import Upload
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Child, Supervisor
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from streams.store.database import Ledger
from tests.support.audio import write_wav
from tests.support.forks import forks

pytestmark = pytest.mark.pipeline

READY_S = 240
UPLOADS = 150
IN_TIME_S = 30


def settings_for(folder: Path, brokers: str) -> Settings:
    return Settings(
        brokers=brokers,
        session_timeout_s=6,
        fetch_max_wait_ms=50,
        retry_base_s=0.1,
        decode_workers=1,
        file_roots=str(folder),
        store=f"file://{folder}/store",
        index=f"file://{folder}/index",
        ledger=f"sqlite:///{folder}/ledger.db",
    )


def uploads(folder: Path) -> list[Upload]:
    path = folder / "one.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44_100))
    write_wav(path, noise.astype(np.float32))
    return [Upload(track_id=f"T-{n}", uri=path.as_uri(), title=f"{n}") for n in range(UPLOADS)]


def send(settings: Settings, all_of_them: list[Upload]) -> list[str]:
    with IngestHook(settings) as hook:
        deliveries = hook.submit_many(all_of_them)
    assert not any(one.error for one in deliveries)
    return [one.upload_id for one in deliveries]


def ended(settings: Settings, ids: list[str]) -> int:
    ledger = Ledger.open(settings.ledger)
    try:
        return len(ledger.ended_uploads(ids))
    finally:
        ledger.close()


def wait_until(workers: Supervisor, holds: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        workers.watch()
        time.sleep(0.2)


def stop(child: Child, number: signal.Signals) -> tuple[int, float]:
    """Send a signal; return the exit code and the seconds that it took."""
    assert child.process is not None
    began = time.monotonic()
    os.kill(child.process.pid, number)
    return child.process.wait(2 * IN_TIME_S), time.monotonic() - began


def test_workers_before_broker_before_topics_and_each_stops_in_time_while_busy(
    tmp_path: Path,
) -> None:
    port = free_port()
    settings = settings_for(tmp_path, f"127.0.0.1:{port}")
    with Supervisor(list(GROUPS), settings, tmp_path / "logs", forks()) as workers:

        def in_vain(child: Child) -> bool:
            return "attempt_failed" in child.log_path.read_text()

        wait_until(workers, lambda: all(map(in_vain, workers.children)), READY_S)
        with EmbeddedBroker(port=port):
            assert not any(child.ready() for child in workers.children)
            time.sleep(2)
            ensure_topics(settings)
            assert workers.wait_ready(READY_S) == []
            all_of_them = uploads(tmp_path)
            ids = send(settings, all_of_them[:20])
            wait_until(workers, lambda: ended(settings, ids) == len(ids), 60)
            assert [child.restarts for child in workers.children] == [0] * len(GROUPS)

            ids += send(settings, all_of_them[20:])
            for child in workers.children:
                code, seconds = stop(child, signal.SIGTERM)
                assert (code, seconds < IN_TIME_S) == (0, True), child.name
                workers.watch()  # takes note, and starts it again after its back-off
            wait_until(workers, lambda: ended(settings, ids) == len(ids), 90)
            assert [child.restarts for child in workers.children] == [1] * len(GROUPS)


def test_a_worker_whose_decode_processes_cannot_start_ends_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their fork server's socket has an address of 107 bytes at most; no upload is sent."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    with EmbeddedBroker() as broker:
        settings = settings_for(tmp_path, broker.bootstrap)
        ensure_topics(settings)
        with Supervisor(["fingerprint"], settings, tmp_path / "logs", forks()) as workers:
            (late,) = workers.wait_ready(READY_S)
            assert "a decode process does not start" in late
            assert workers.children[0].restarts == 2, "and is started again each time"


def test_a_worker_that_must_stop_ends_in_time_and_is_started_again(tmp_path: Path) -> None:
    """Its store is a file for a while, as a volume that was mounted wrongly."""
    with EmbeddedBroker() as broker:
        settings = settings_for(tmp_path, broker.bootstrap)
        settings = settings.model_copy(update={"retry_attempts": 3})
        ensure_topics(settings)
        (tmp_path / "store").write_text("not a folder")
        with Supervisor(["fingerprint"], settings, tmp_path / "logs", forks()) as workers:
            assert workers.wait_ready(READY_S) == []
            (child,) = workers.children
            process = child.process
            assert process is not None
            send(settings, uploads(tmp_path)[:5])
            assert process.wait(IN_TIME_S) == 1
            (tmp_path / "store").unlink()
            wait_until(workers, lambda: child.restarts == 1 and child.ready(), 60)
            decoded = tmp_path / "store" / "heard"
            wait_until(workers, lambda: any(decoded.rglob("*.json")), 30)
