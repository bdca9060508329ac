"""``earmark submit`` while the broker is away: one clear line, nothing of the client library."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from tests.support.audio import write_wav

pytestmark = pytest.mark.pipeline

PATIENCE_S = 60


def start(folder: Path, brokers: str) -> "subprocess.Popen[bytes]":
    """Submit one file from a folder where no pipeline runs; its output is the file ``output``."""
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44_100))
    write_wav(folder / "one.wav", noise.astype(np.float32))
    environment = {key: value for key, value in os.environ.items() if "EARMARK" not in key}
    environment |= {"EARMARK_BROKERS": brokers, "EARMARK_FETCH_MAX_WAIT_MS": "50"}
    with (folder / "output").open("w") as answer:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "submit", "one.wav", "--out", "ends.jsonl"],
            cwd=folder,
            env=environment | {"COLUMNS": "300", "PYTHONUNBUFFERED": "1"},
            stdout=answer,
            stderr=subprocess.STDOUT,
        )


def until(folder: Path, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in (folder / "output").read_text():
        assert time.monotonic() < deadline, (folder / "output").read_text()
        time.sleep(0.1)


def test_a_broker_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert start(tmp_path, address).wait(PATIENCE_S) == 1
    lines = (tmp_path / "output").read_text().splitlines()
    assert len(lines) == 2, lines
    assert lines[0] == f"nothing runs from .earmark: sending to {address}"
    assert lines[1].startswith(
        f"earmark: cannot reach tracks.uploaded: no broker answers at {address}"
    )


def test_a_broker_that_goes_and_comes_back_is_a_line_each(tmp_path: Path) -> None:
    port = free_port()
    with EmbeddedBroker(port=port) as broker:
        ensure_topics(Settings(brokers=broker.bootstrap))
        submitting = start(tmp_path, broker.bootstrap)
        until(tmp_path, "track and actions")
        time.sleep(1)  # sent; no process is there to decide
    try:
        until(tmp_path, f"no broker answers at {broker.bootstrap}")
        with EmbeddedBroker(port=port):
            until(tmp_path, f"the broker at {broker.bootstrap} answers again")
            submitting.send_signal(signal.SIGINT)
            assert submitting.wait(PATIENCE_S) != 0
    finally:
        submitting.kill()
    lines = (tmp_path / "output").read_text().splitlines()
    assert [line.split(":")[0] for line in lines if "broker" in line] == [
        "no broker answers at 127.0.0.1",
        "the broker at 127.0.0.1",
    ]
    assert len(lines) <= 6, lines
