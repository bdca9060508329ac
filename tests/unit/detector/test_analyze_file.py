"""``detector.analyze_file``: one file's answer, and the blocks of the page about Python."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import detector
from detector.errors import InvalidAudio
from streams.contract.vocabulary import Outcome
from tests.support.audio import write_wav
from tests.support.documents import blocks
from tests.support.paths import ROOT


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Eight seconds of noise."""
    samples = np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 8)).astype(np.float32)
    write_wav(tmp_path / "one.wav", samples)
    return tmp_path / "one.wav"


def test_it_answers_and_keeps_the_model(noise: Path) -> None:
    answer = detector.analyze_file(noise)
    assert answer["status"] == "ok"
    assert answer["outcome"] in set(Outcome)
    assert answer["audio"]["duration_s"] == 8
    other = detector.analyze_file(str(noise), ROOT / "models" / "clock-5", alpha=0.02)
    assert (answer["model"]["name"], other["model"]["name"]) == ("ensemble-5", "clock-5")
    assert detector._loaded(detector.RELEASED) is detector._loaded(detector.RELEASED)


def test_a_file_that_is_no_audio_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no audio")
    with pytest.raises(InvalidAudio, match="unsupported_format"):
        detector.analyze_file(tmp_path / "text.mp3")


def test_the_library_itself_loads_no_torch() -> None:
    code = "import detector, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_page_about_python_runs(noise: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps: dict[str, Any] = {}
    for name in ("one-file", "steps"):
        code = blocks()[name].replace("one.mp3", str(noise))
        code = re.sub(r"models/(?=ensemble)", f"{ROOT}/models/", code)
        exec(code, steps)  # noqa: S102 - it is our own page
    answer = detector.analyze_file(noise)
    assert capsys.readouterr().out.split()[0] == answer["outcome"]
    assert steps["answer"].p_value == answer["p_value"]
