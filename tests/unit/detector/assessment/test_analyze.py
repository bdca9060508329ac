"""The answer of one file as plain data."""

from pathlib import Path

import orjson

from detector.assessment.analyze import analysed, rejected
from detector.assessment.model import Model
from detector.errors import BadInput
from detector.observation.listen import listen
from detector.types import Rates
from tests.support.audio import write_track
from tests.support.paths import MODELS


def test_answers_and_refusals_have_the_same_keys(tmp_path: Path) -> None:
    model = Model.load(MODELS / "clock-5")
    write_track(tmp_path / "short.flac", 3.0)
    decoded = listen(tmp_path / "short.flac", max_duration_s=60)
    answer = analysed("short.flac", decoded, model, Rates())
    refused = rejected("text.mp3", BadInput("unsupported_format", "no audio"), model)
    assert set(answer) == (set(refused) - {"detail"}) | {"audio"}
    assert (answer["status"], answer["reason"]) == ("ok", "too_short")
    assert (refused["status"], refused["reason"]) == ("rejected", "unsupported_format")
    assert answer["model"] == refused["model"]
    assert orjson.loads(orjson.dumps(answer))["duration_s"] == 3.0
