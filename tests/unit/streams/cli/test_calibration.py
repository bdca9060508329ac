"""``earmark calibrate`` and ``earmark ledger accuracy`` as people type them."""

import json
from pathlib import Path
from typing import Any

from detector.assessment.model import Model
from detector.types import AudioFacts, DecodedTrack
from streams.media.artefacts import ArtefactStore
from streams.ops.checks.reference import release
from streams.ops.state import State
from streams.store.database import Ledger
from tests.support.command_line import run
from tests.support.makers import observed
from tests.support.ruled import fill, track_rows

KIND = "full_rate/played"
FACTS = AudioFacts("wav", "pcm", 44_100, 2, 20.0, None, -14.0, -1.0, 0.0, 0)


def reviewed(state: Path, people: int) -> None:
    """Store suspected tracks that people ruled to be people's, among 300 answers."""
    settings = State(state).settings(None)
    _, digest, _ = release(settings.model)
    ledger, store = Ledger.open(settings.ledger), ArtefactStore.open(settings.store)
    for number in range(people):
        observation = observed("human", "Ann", "r", number, clock_hz=50.0).observation
        decoded = DecodedTrack(FACTS, None, observation.to_bytes())
        place = store.keep(f"{number:064x}", decoded).observation.model_dump()
        ruled: dict[str, Any] = {"outcome": "suspected", "queue": "suspected", "extent": "None"}
        fill(
            ledger,
            [track_rows(number, digest=digest, kind=KIND, observation=place, **ruled)],
        )
    fill(ledger, (track_rows(n, digest=digest, kind=KIND) for n in range(people, 300)))
    ledger.close()


def test_a_kind_that_is_flagged_too_often_gets_a_candidate(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "candidate"
    reviewed(state, 24)
    printed = run("ledger", "accuracy", "--state", state)
    assert "NOT KEPT: 1.00% is accepted" in printed
    listed = json.loads(run("ledger", "accuracy", "--json", "--state", state))
    assert listed["false_positives"][0]["cases"] == 24
    dry = run("calibrate", "--from-reviews", out, "--dry-run", "--state", state)
    assert dry.endswith("dry run: nothing was written\n")
    assert not out.exists()
    printed = run("calibrate", "--from-reviews", out, "--state", state)
    assert printed.splitlines()[-1] == f"{out}: sha256 {Model.load(out).digest}"
    assert "made by people                24 ->" in printed
    (kind,) = (line for line in printed.splitlines() if line.startswith(KIND))
    assert kind.split()[4] == "24", "all of them join"
    assert "24 -> " in kind.rpartition("  ")[2]
    again = run("calibrate", "--from-reviews", out, "--state", state, code=1)
    assert again == ""


def test_too_few_rulings_are_refused(tmp_path: Path) -> None:
    reviewed(tmp_path / "state", 3)
    words = ("calibrate", "--from-reviews", tmp_path / "out", "--state", tmp_path / "state")
    run(*words, code=1)
    assert not (tmp_path / "out").exists()
