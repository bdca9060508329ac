"""The benchmarks measure what their tables print. No figure is asserted."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.audio.decode import Decoder
from detector.types import FloatArray, Rates
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from tests.bench import decode as decoding
from tests.bench.events import event
from tests.bench.files import copies
from tests.bench.ledger import bench_ledger
from tests.bench.measure import by_turns, cpu_here, cpu_of, cpu_of_tree, memory_mb
from tests.bench.peers import EARMARK, FPCALC, bench_peers
from tests.bench.policy import bench_policy, filled
from tests.bench.score import bench_score
from tests.bench.stages import SUM, bench_stages
from tests.bench.table import Report, Row
from tests.support.audio import write_track
from tests.support.paths import MODELS

MODEL = MODELS / "clock-5"
SPIN = "import time\nwhile time.process_time() < {seconds}: pass"


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("track") / "short.mp3"
    write_track(path, 16.0)
    return path


def samples(path: Path) -> FloatArray:
    return np.concatenate(list(Decoder(path, 600).chunks()), axis=1)


def test_what_is_compared_runs_by_turns() -> None:
    order: list[str] = []

    def job(name: str) -> float:
        order.append(name)
        return float(len(order))

    timings = by_turns({"a": lambda: job("a"), "b": lambda: job("b")}, 2)
    assert order == ["a", "b", "a", "b", "a", "b"], "a turn to warm up, then two that count"
    assert timings == {"a": (3.0, 5.0), "b": (4.0, 6.0)}


def test_cpu_is_that_of_the_work_and_not_of_the_waiting() -> None:
    code = SPIN.format(seconds=0.4) + "\ntime.sleep(0.5)"
    assert cpu_of([sys.executable, "-c", code]) >= 0.4
    assert cpu_here(lambda: subprocess.run([sys.executable, "-c", code], check=True)) < 0.4
    with pytest.raises(subprocess.CalledProcessError):
        cpu_of([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_tree_counts_its_children_the_ended_ones_too() -> None:
    child = SPIN.format(seconds=0.3)
    code = (
        f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {child!r}])\n"
        "print('done', flush=True)\ntime.sleep(30)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_of_tree(process.pid) >= 0.3
        assert memory_mb(process.pid) > 1
    finally:
        process.kill()
        process.wait()
    assert cpu_of_tree(process.pid) == 0, "gone"


def test_a_report_says_the_same_to_people_and_to_machines() -> None:
    rows = (Row("ours", (3.0, 1.0, 2.0), "s", 0.5),)
    report = Report("decode", "ffmpeg", rows, {"ratio_to_bare_decode": 0.5}).data()
    assert report["rows"] == [
        {"name": "ours", "unit": "s", "min": 1.0, "median": 2.0, "max": 3.0, "ratio": 0.5}
    ]
    assert report["ratio_to_bare_decode"] == 0.5
    assert {"cores", "torch", "load_per_core"} <= report["machine"].keys()
    json.dumps(report)


def test_copies_are_other_content_and_the_same_audio(track: Path, tmp_path: Path) -> None:
    first, second = islice(copies(track, tmp_path / "copies"), 2)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (track, first, second)}
    assert len(digests) == 3
    assert np.array_equal(samples(first), samples(second))
    assert abs(samples(first).shape[1] - samples(track).shape[1]) < 4_608


def test_decoding_is_measured_against_the_limit(track: Path) -> None:
    report = decoding.bench_decode([track], 1).data()
    by_name = {row["name"]: row for row in report["rows"]}
    assert by_name[f"mp3: {decoding.bare_peer()}"]["ratio"] == 1.0
    assert report["ratio_to_bare_decode"] == by_name[f"mp3: {decoding.OURS}"]["ratio"]


def test_the_sum_is_the_sum_of_the_stages(track: Path) -> None:
    report = bench_stages(track, Model.load(MODEL), Rates(), 1)
    rows = {row.name: row.median for row in report.rows}
    messages = {
        SUM,
        "hear (decode to pack, as a worker does)",
        decoding.bare_peer(),
        decoding.PLAIN,
    }
    parts = rows.keys() - messages
    assert {"landmarks", "hash the samples"} <= parts, "all that a worker does with a track"
    assert rows[SUM] == pytest.approx(sum(rows[name] for name in parts))
    assert report.figures["cpu_seconds_per_track"] == rows[SUM]
    assert all(rows[name] > 0 for name in ("decode", "fingerprint", "observe", "score"))


def test_every_batch_size_is_scored(track: Path) -> None:
    from detector.observation.listen import listen

    decoded = listen(track, max_duration_s=600).observation
    report = bench_score([decoded], lambda device: Model.load(MODEL, device), Rates(), 1)
    names = [row.name for row in report.rows]
    assert {f"cpu, batches of {size}" for size in (1, 8, 32, 64)} <= set(names)
    read = next(row for row in report.rows if row.name == "read")
    assert report.figures["rescored_per_second"] < read.median, "reading is part of it"


def test_a_policy_is_filled_with_rules_on_trial_and_decides_the_same() -> None:
    values, many = load(Settings().policy), filled(Settings().policy, 50)
    assert len(many.rules) == 50 > len(values.rules)
    for number in range(6):
        item, other = (decide(event(number), bundle).decided for bundle in (values, many))
        assert item.actions == other.actions
        assert (item.label.extent, item.label.source) == (other.label.extent, other.label.source)
    report = bench_policy(Settings().policy, 20, 1).data()
    assert report["rules"] == 50
    assert report["decisions_per_second"] > 0


def test_what_a_ledger_benchmark_writes_is_there(tmp_path: Path) -> None:
    report = bench_ledger(tmp_path, Settings().policy, 12).data()
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        assert database.execute("SELECT count(*) FROM decisions").fetchone() == (12 * 11,)
        assert database.execute("SELECT count(*) FROM analyses").fetchone() == (12 * 11,)
    assert report["decisions_per_second"] > 0
    assert report["slower_when_full"] > 0


def test_a_peer_that_is_not_here_is_named(track: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "fpcalc" else which(name))
    monkeypatch.setitem(sys.modules, "librosa", None)  # importing it fails
    report = bench_peers(track, 1)
    assert report.rows[0].ratio == 1.0
    assert EARMARK in {row.name for row in report.rows}
    assert FPCALC not in {row.name for row in report.rows}
    assert any("no fpcalc here: fpcalc is not installed" in note for note in report.notes)
    assert any("no librosa here" in note for note in report.notes)
