"""The whole installation on one machine: ``earmark up`` as people run it, on a real broker."""

import json
import re
import shlex
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from detector.assessment.model import Model
from detector.assessment.sides import assess
from detector.observation.observation import Observation
from detector.types import Rates
from streams.cli.processes import _samples as self_made
from streams.contract.processes import PROCESSES
from streams.media.artefacts import ArtefactStore
from streams.ops.inputs import Skipped
from streams.runtime.settings import Settings
from tests.pipeline.running import count, noise, run_once, start, workers_of
from tests.support.audio import write_wav
from tests.support.paths import ROOT
from tests.support.samples import samples

pytestmark = pytest.mark.pipeline

STRANGE = 6  # files that are no samples


@dataclass(frozen=True)
class FirstRun:
    """A state, the ends that its first run wrote, and what that printed."""

    state: Path
    ends: list[dict[str, Any]]
    output: str


def decisions(ends: list[dict[str, Any]]) -> set[str]:
    """Return the decision ids."""
    return {end["decision_id"] for end in ends if end["status"] == "decided"}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """Let ``earmark up --once`` decide about its self-made tracks."""
    folder = tmp_path_factory.mktemp("first")
    samples(folder / "state" / "samples")  # it finds them made already
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


def test_the_documents_show_what_it_prints(first_run: FirstRun) -> None:
    printed = {line[2]: line for line in map(parts, first_run.output.splitlines()) if line}
    shown = [
        line
        for page in ("README.md", "docs/start/run.md")
        for line in map(parts, (ROOT / page).read_text().splitlines())
        if line
    ]
    assert len(shown) >= 5
    for outcome, probability, text in shown:
        assert text in printed, printed.keys()
        assert outcome == printed[text][0]
        assert probability == pytest.approx(printed[text][1], abs=0.01)  # another processor


def parts(line: str) -> tuple[str, float, str] | None:
    """Return outcome with extent, probability (0: none) and text of an end; no seconds, no id."""
    match = re.match(
        r"(identified|suspected|no_trace|uncertain|not_assessable|dead letter) +(0\.\d+)?"
        r" *(All|Partly|None|Unknown)? +\d+\.\d  (.*?)(?:  trk_\S+)?$",
        line,
    )
    return match and (f"{match[1]} {match[3]}", float(match[2] or 0), match[4])


def test_without_torch_the_answers_are_those_with_it(first_run: FirstRun) -> None:
    model = Model.load(Settings().model, "cpu:0")  # torch's
    store = ArtefactStore.open(f"file://{first_run.state}/artefacts")
    decided = {end["content_sha256"]: end for end in first_run.ends if end["status"] == "decided"}
    for content, end in decided.items():
        facts = store.find(content)
        assert facts is not None
        (answer,) = assess(model, [Observation.from_bytes(store.read(facts.observation))], Rates())
        assert answer.outcome == end["outcome"]
        assert answer.score == pytest.approx(end["score"], abs=1e-3)
    assert len({end["outcome"] for end in decided.values()}) >= 3


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
