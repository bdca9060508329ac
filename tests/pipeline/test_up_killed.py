"""``earmark up`` whose workers are killed while they are busy."""

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.pipeline.running import count, noise, start, workers_of
from tests.support.audio import write_wav

pytestmark = pytest.mark.pipeline


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
