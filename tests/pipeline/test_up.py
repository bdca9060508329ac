"""The whole installation on one machine: ``earmark up`` as people run it, on a real broker."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.types import FloatArray
from streams.cli.processes import _samples as self_made
from streams.contract.processes import PROCESSES
from streams.ops.inputs import Skipped
from streams.runtime.processes import free_port
from tests.support.audio import write_wav

pytestmark = pytest.mark.pipeline

RATE_HZ = 44_100
STRANGE = 6  # files that are no samples


@dataclass(frozen=True)
class FirstRun:
    """A state, the ends that its first run wrote, and what that printed."""

    state: Path
    ends: list[dict[str, Any]]
    output: str


def start(state: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {key: value for key, value in os.environ.items() if "EARMARK" not in key}
    environment["EARMARK_CONSOLE_PORT"] = str(free_port())  # another test may want the usual one
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli.main", "up", "--state", str(state), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def run_once(state: Path, out: Path, *arguments: str) -> tuple[list[dict[str, Any]], str]:
    process = start(state, "--once", "--out", str(out), *arguments)
    try:
        output, _ = process.communicate(timeout=360)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return [json.loads(line) for line in out.read_text().splitlines()], output


def count(state: Path, table: str) -> int:
    with sqlite3.connect(state / "ledger.db") as ledger:
        (rows,) = ledger.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
    return int(rows)


def decisions(ends: list[dict[str, Any]]) -> set[str]:
    """Return the decision ids."""
    return {end["decision_id"] for end in ends if end["status"] == "decided"}


def noise(seed: int, seconds: float = 6.0) -> FloatArray:
    random = np.random.default_rng(seed)
    return random.normal(0, 0.1, (1, int(RATE_HZ * seconds))).astype(np.float32)


def workers_of(parent: int) -> dict[str, int]:
    """Return the process ids of the workers, by name."""
    workers = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if int(stat[1]) == parent and "worker" in command:
            workers[command[command.index("worker") + 1]] = int(folder.name)
    return workers


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """Let ``earmark up --once`` decide about the tracks that it makes itself."""
    folder = tmp_path_factory.mktemp("first")
    ends, output = run_once(folder / "state", folder / "out.jsonl")
    return FirstRun(folder / "state", ends, output)


def test_self_made_tracks_go_every_way(first_run: FirstRun) -> None:
    state, ends, output = first_run.state, first_run.ends, first_run.output
    outcomes = Counter(end.get("outcome") for end in ends)
    assert outcomes["suspected"] >= 1
    assert outcomes["no_trace"] + outcomes["uncertain"] >= 1
    assert outcomes["not_assessable"] >= 1
    assert any(end["status"] == "dead_letter" for end in ends)
    assert any(end.get("review_task_id") for end in ends)
    (licensed,) = [end for end in ends if end.get("licensed")]
    assert licensed["extent"] == "All", "the label stays"
    actions = licensed["actions"]
    assert actions.pop("display") != "none", "and is shown"
    assert set(actions.values()) <= {"allow", "attach"}, "and bears no penalty"
    for place in ("metrics", "ledger", "logs"):
        assert place in output

    assert count(state, "decisions") == len(decisions(ends))
    assert not (state / "run.json").exists()


def test_strange_things_stop_nothing_and_ctrl_c_ends_all_in_time(
    first_run: FirstRun, tmp_path: Path
) -> None:
    """In the state of the first run, with its tracks once more: they get no second decision."""
    state, before = first_run.state, decisions(first_run.ends)
    audio = tmp_path / "my music"
    (audio / "album").mkdir(parents=True)
    write_wav(audio / "album" / "good.wav", noise(1))
    (audio / "notes.txt").write_text("not audio")
    (audio / "text.mp3").write_text("not audio either")
    (audio / "empty.mp3").write_bytes(b"")
    (audio / "gone.mp3").symlink_to(audio / "nothing")
    (audio / "none").mkdir()
    with (audio / "sparse.wav").open("wb") as sparse:
        sparse.truncate(2 * 2**30)
    out = tmp_path / "out.jsonl"
    made = self_made(state / "samples", 1)
    samples = [sample[1] for sample in made if not isinstance(sample, Skipped)]
    manifest = tmp_path / "samples.jsonl"
    manifest.write_text("".join(f"{upload.model_dump_json()}\n" for upload in samples))
    process = start(state, "--out", str(out), "--audio", shlex.join([str(audio), str(manifest)]))

    def ended() -> int:
        return len(out.read_text().splitlines()) if out.exists() else 0

    try:
        deadline = time.monotonic() + 240
        children: dict[str, int] = {}
        # the monitor is started when all has ended, or after a minute
        while "monitor" not in children or ended() < STRANGE + len(samples):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.3)
            children = workers_of(process.pid)
        assert set(children) == set(PROCESSES)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert time.monotonic() - began < 10
        assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    finally:
        process.kill()
    ends = [json.loads(line) for line in out.read_text().splitlines()]
    by_name = {Path(end["path"]).name: end for end in ends if str(audio) in end["path"]}
    assert {name: (end["status"], end["reason"]) for name, end in by_name.items()} == {
        "good.wav": ("decided", None),
        "notes.txt": ("not_sent", "not_audio_name"),
        "text.mp3": ("dead_letter", "unsupported_format"),
        "empty.mp3": ("dead_letter", "empty_file"),
        "gone.mp3": ("not_sent", "missing_file"),
        "sparse.wav": ("dead_letter", "too_large"),
    }
    for name in by_name:
        (line,) = [line for line in output.splitlines() if f"/{name}" in line]
        assert len(line) < 300
    assert decisions(ends) == before | {by_name["good.wav"]["decision_id"]}
    assert count(state, "decisions") == len(before) + 1, "no second decision of the same content"
    assert not (state / "run.json").exists()


def test_workers_killed_while_busy_and_nothing_lost(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    tracks = 24
    for number in range(tracks):
        write_wav(audio / f"{number:03}.wav", noise(number))
    state, out = tmp_path / "state", tmp_path / "out.jsonl"
    process = start(state, "--once", "--out", str(out), "--audio", str(audio))
    killed: list[str] = []

    def kill_all() -> None:
        for name in ("fingerprint", "decide", "ledger"):  # tests.soak kills every kind
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline:  # some have ended, some have not
                ended = len(out.read_text().splitlines()) if out.exists() else 0
                if len(killed) * 6 < ended < tracks and name in (w := workers_of(process.pid)):
                    os.kill(w[name], signal.SIGKILL)
                    killed.append(name)
                    break
                time.sleep(0.02)

    killer = threading.Thread(target=kill_all, daemon=True)
    killer.start()
    try:
        output, _ = process.communicate(timeout=360)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "fingerprint" in killed
    assert len(killed) >= 2, f"killed only {killed}"
    ends = [json.loads(line) for line in out.read_text().splitlines()]
    assert Counter(end["status"] for end in ends) == {"decided": tracks}
    assert len({end["decision_id"] for end in ends}) == tracks
    assert count(state, "decisions") == tracks
    assert count(state, "uploads") == tracks
