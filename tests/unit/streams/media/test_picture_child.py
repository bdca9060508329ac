"""The child that draws: a picture, or one sentence and exit code 2."""

import json
import sys
from pathlib import Path

import pytest

from streams.media import picture_child
from streams.runtime.settings import Settings
from tests.support.scoring import MODEL, observation


def draw(monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes, **more: object) -> None:
    (folder / "observation").write_bytes(content)
    order = {
        "observation": str(folder / "observation"),
        "title": "a/b\0" + "c" * 200,
        "model": str(Settings().model),
        "digest": MODEL.digest,
        "rates": [0.01, 0.001],
        "out": str(folder),
    }
    monkeypatch.setattr(sys, "argv", ["picture_child", json.dumps(order | more)])
    picture_child.main()


def test_the_evidence_is_drawn_in_every_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    draw(monkeypatch, tmp_path, observation(1).to_bytes())
    assert {path.name for path in tmp_path.glob("evidence.*")} == {
        *("evidence.json", "evidence.png", "evidence.svg"),
    }


@pytest.mark.parametrize(
    ("content", "more", "sentence"),
    [
        (b"no observation", {}, "observation"),
        (observation(1).to_bytes(), {"digest": "0" * 64}, "not the one that is released here"),
    ],
)
def test_where_nothing_can_be_drawn_a_sentence_tells_why(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: bytes,
    more: dict[str, object],
    sentence: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        draw(monkeypatch, tmp_path, content, **more)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.glob("evidence.*")) == []
