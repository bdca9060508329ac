import csv
import re
from pathlib import Path

import numpy as np
import orjson
import pytest

from models import robustness
from models.data import AI, HUMAN, read_manifest, usable
from models.deliver import CELLS
from models.music import RATE_HZ, render
from models.negatives import KINDS
from models.robustness import Answered, interval, measure, probe, sample, table
from models.robustness_report import markdown, page, write
from models.samples import write_audio
from models.simulate import decode_through

RELEASED = Path(__file__).parents[2] / "models" / "clock-1"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for index, (label, maker, repository) in enumerate(
        [(AI, "Deep", "r1"), (AI, "Deep", "r1"), (AI, "Wide", "r2"),
         (HUMAN, "Ann", "r3"), (HUMAN, "Ann", "r3"), (HUMAN, "Bob", "r4")]
    ):  # fmt: skip
        audio = render(40 + index, 13.0)
        if label == AI:
            audio = decode_through(audio, RATE_HZ, (8, 8, 8), seed=index)
        write_audio(folder / f"{index}.flac", audio)
        rows.append([f"{index}.flac", label, maker, repository])
    write_audio(folder / "short.flac", render(50, 4.0))
    rows.append(["short.flac", HUMAN, "Cy", "r5"])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "generator", "repo"], *rows])
    return folder / "manifest.csv"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells and two kinds instead of all."""
    names = ("original", "rate-48000", "hats-120", "g726-native", "speex-native")
    monkeypatch.setattr(robustness, "CELLS", [one for one in CELLS if one.name in names])
    monkeypatch.setattr(robustness, "KINDS", [one for one in KINDS if one.name in names])
    monkeypatch.setattr(robustness, "WINDOWS_S", (6, 12, 24))


@pytest.mark.usefixtures("few")
def test_figures_and_report(manifest: Path, tmp_path: Path) -> None:
    figures = measure(
        manifest, manifest.parent, [RELEASED], tracks=2, seeds=1, alpha=0.01, seed=1, workers=1
    )
    assert figures["data"]["ai"] == {"Deep": 1, "Wide": 1}
    assert figures["data"]["human"] == {"r3": 1, "r4": 1}
    assert [row["cell"] for row in figures["cells"]] == ["original", "rate-48000"]
    for row in figures["cells"]:
        assert (row["tpr"]["share"], row["fpr"]["share"]) == (1.0, 0.0)
        assert row["tpr"]["interval"] == pytest.approx([0.158, 1.0], abs=1e-3)
    assert [row["cell"] for row in figures["windows"]] == ["6 s", "12 s"]
    kinds = {row["kind"]: row for row in figures["negatives"]}
    assert kinds["hats-120"]["flagged"] == 0
    assert kinds["g726-native"]["abstained"] == 1

    paths = write(figures, tmp_path / "out")
    assert [path.name for path in paths] == ["robustness.json", "robustness.md", "robustness.html"]
    assert orjson.loads(paths[0].read_bytes()) == figures
    assert "| original | clock-1 | 2 | 1.00 [0.16, 1.00] |" in paths[1].read_text()
    text = paths[2].read_text()
    assert text.count("<svg") == 3
    # nothing is fetched: no addresses but the names of XML's vocabularies
    assert not re.search(r"""(src|href)=["']https?:|@import|<script|<link""", text)
    assert page(figures) == text
    assert markdown(figures) == paths[1].read_text()


def test_the_sample_takes_groups_in_turn(manifest: Path) -> None:
    tracks = usable(read_manifest(manifest, manifest.parent))
    chosen = sample(tracks, 3, seed=1)
    assert [track.group for track in chosen] == ["Deep", "Wide", "Deep", "r3", "r4", "r3"]
    assert chosen == sample(tracks, 3, seed=1)
    assert len(sample(tracks, 99, seed=1)) == 6  # the short one is not taken


def test_a_file_without_a_header_is_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"nothing of the kind")
    assert probe(path) == (0, 0.0)


def test_intervals_are_never_of_no_width() -> None:
    groups = ["a", "b"] * 20
    assert interval(np.zeros(40, np.float32), groups, 1) == pytest.approx([0, 0.0881], abs=1e-3)
    assert interval(np.ones(40, np.float32), groups, 1) == pytest.approx([0.9119, 1], abs=1e-3)
    mixed = np.array([1, 0] * 20, np.float32)  # one group always, the other never
    assert interval(mixed, groups, 1) == [0.0, 1.0]


def test_outcomes_are_counted_apart() -> None:
    outcomes = ("ai_likely", "uncertain", "not_assessable", "human_likely")
    answers = [
        Answered("delivery", "x", "y", "m", AI, str(index), outcome, None)
        for index, outcome in enumerate(outcomes)
    ]
    (row,) = table(answers, "delivery", seed=1)
    tpr = row["tpr"]
    assert (tpr["share"], tpr["uncertain"], tpr["abstained"]) == (0.25, 0.25, 0.25)
    assert row["fpr"]["share"] is None
