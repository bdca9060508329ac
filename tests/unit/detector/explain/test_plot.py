import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import Model
from detector.explain.plot import evidence, write
from detector.observation.observation import Observer
from detector.types import FloatArray, Rates
from models.synthesis.music import RATE_HZ
from models.synthesis.simulated_decoder import decode_through
from tests.support.pictures import pictured, text_of


def test_the_picture_shows_the_lines_and_says_the_sentence(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    painted = decode_through(played, RATE_HZ, (7, 7, 6, 3), seed=4).mean(axis=0)
    picture = pictured(painted, model)
    assert picture.is_found
    assert picture.rate_hz == 50.0
    assert [line.hz for line in picture.lines] == pytest.approx(
        [50 * line.order for line in picture.lines], abs=0.05
    )
    assert sum(line.stands_out for line in picture.lines) > 0.9 * len(picture.lines)
    assert picture.fold_hz[picture.fold.argmax()] == pytest.approx(0, abs=0.1)
    assert picture.fold.max() > 2 * picture.fold_human

    paths = write(picture, tmp_path / "new", "one")
    assert [path.suffix for path in paths] == [".json", ".svg", ".png"]
    words = text_of(paths[1])
    assert " ".join(picture.sentences[0].split()) in " ".join(words.split())
    assert f"p-value {picture.p_value:.2g}" in words
    labels = ["Suspected", "modulation frequency (Hz)", "time (min:s)", "score at 50.00 Hz", "4r"]
    for label in [*labels, f"of {len(picture.lines)} multiples stand above"]:
        assert label in words
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    data = orjson.loads(paths[0].read_bytes())
    assert data["sentences"] == list(picture.sentences)
    assert len(data["lines"]) == len(picture.lines)
    assert len(data["spectrum"]) == len(data["spectrum_hz"])


def test_without_evidence_the_picture_says_so(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    picture = pictured(played.mean(axis=0), model)
    assert not picture.is_found
    words = text_of(write(picture, tmp_path, "one")[1])
    assert "No decoder clock was found" in words
    assert "nothing is marked" in words
    assert "multiples stand above" not in words


def test_what_cannot_be_assessed_is_said_without_panels(model: Model, tmp_path: Path) -> None:
    picture = pictured(np.zeros(RATE_HZ * 2, np.float32), model)
    words = text_of(write(picture, tmp_path, "one")[1])
    assert words.endswith("This recording cannot be assessed: too short.")


def test_equal_pictures_give_equal_files(model: Model, played: FloatArray, tmp_path: Path) -> None:
    picture = pictured(played.mean(axis=0), model, "<odd & long> " + "name" * 40)
    first, again = (write(picture, tmp_path / name, "one") for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    ElementTree.parse(first[1])  # noqa: S314 - our own file: names are escaped


def test_evidence_of_a_recording(model: Model, played: FloatArray, tmp_path: Path) -> None:
    observer = Observer(RATE_HZ)
    observer.feed(played[:, : 14 * RATE_HZ].mean(axis=0))
    written = evidence(observer.finish(), "a/song.flac", model, tmp_path / "out", Rates())
    assert [one.name for one in written] == ["song.json", "song.svg", "song.png"]
    assert all(one.stat().st_size > 1_000 for one in written)


@pytest.mark.parametrize("name", ["ü" * 300 + ".flac", r"$\frac{.flac", "獅子 $1$ ^{.flac"])
def test_a_name_of_any_length_and_kind(name: str, model: Model, tmp_path: Path) -> None:
    observer = Observer(RATE_HZ)
    observer.feed(np.zeros(2 * RATE_HZ, np.float32))
    for path in evidence(observer.finish(), name, model, tmp_path, Rates()):
        assert path.stat().st_size > 0
