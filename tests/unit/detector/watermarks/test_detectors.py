"""The contract with detectors of other packages: loaded by entry point, asked, and not trusted."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from detector.errors import Fatal
from detector.observation.listen import listen
from detector.types import AudioFacts
from detector.watermarks.detectors import Watermark, Watermarks
from tests.support.audio import write_wav
from tests.support.watermarking import register


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(tmp_path, monkeypatch)


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    time = np.arange(60 * 8_000) / 8_000
    write_wav(tmp_path / "tone.wav", np.sin(2 * np.pi * 1_000 * time)[None], 8_000)
    return tmp_path / "tone.wav"


def search(path: Path, *names: str) -> tuple[list[Watermark], list[str]]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        audio = listen(path, max_duration_s=600).audio
        return Watermarks.load(names).search(descriptor, audio)
    finally:
        os.close(descriptor)


def test_a_detector_of_another_package_is_asked(tone: Path) -> None:
    (watermark,), faults = search(tone, "tone")
    assert watermark._replace(confidence=1.0) == Watermark("tone", "Tonemaker", 1.0, 3, True)
    assert watermark.confidence > 0.99
    assert faults == []


def test_one_that_errs_too_often_declares_nothing(tone: Path) -> None:
    (watermark,), _ = search(tone, "unsure")
    assert not watermark.reliable


def test_every_excerpt_must_have_it(tmp_path: Path) -> None:
    time = np.arange(60 * 8_000) / 8_000
    late = np.sin(2 * np.pi * np.where(time < 20, 440, 1_000) * time)
    write_wav(tmp_path / "late.wav", late[None], 8_000)
    assert search(tmp_path / "late.wav", "tone") == ([], [])


def test_a_detector_that_fails_costs_neither_the_upload_nor_the_others(tone: Path) -> None:
    watermarks, faults = search(tone, "broken", "tone")
    assert [one.name for one in watermarks] == ["tone"]
    assert faults == ["broken: ValueError: 160000 samples"]


def test_without_detectors_nothing_is_decoded() -> None:
    nothing = AudioFacts("wav", "pcm", 8_000, 1, 60.0, None, None, None, 0.0, 0)
    assert Watermarks().search(-1, nothing) == ([], [])


def test_another_process_loads_them_itself() -> None:
    sent = pickle.dumps(Watermarks.load(("tone", "unsure")))
    assert b"Tone" not in sent
    assert pickle.loads(sent).versions == ("tone 7", "unsure 7")  # noqa: S301 - our own bytes


def test_a_wrong_name_stops_the_process() -> None:
    with pytest.raises(Fatal, match=r"'absent'.*there are: broken, nothing, perth, tone, unsure"):
        Watermarks.load(("absent",))
    with pytest.raises(Fatal, match=r"'nothing'.*no watermark detector"):
        Watermarks.load(("nothing",))
