"""One file in, one answer out, without a broker: what data people use."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from detector.errors import InvalidAudio
from detector.listen import listen
from detector.model import Model
from detector.observation import Observation


def analyze(path: Path, model: Model, *, alpha: float, max_duration_s: float) -> dict[str, Any]:
    """Return the analysis of one file as plain data; a bad file is ``rejected``, not raised."""
    named: dict[str, Any] = {"path": str(path), "model": f"{model.name} {model.version}"}
    try:
        if not path.exists():
            raise InvalidAudio("missing_file", "no such file")
        if not path.is_file():
            raise InvalidAudio("not_a_file", "a folder or a special file")
        heard = listen(path, max_duration_s=max_duration_s)
    except InvalidAudio as error:
        return named | {
            "status": "rejected",
            "reason": error.reason,
            "detail": error.detail,
            "outcome": None,
            "score": None,
            "probability": None,
            "p_value": None,
            "segments": [],
            "generator": None,
            "duration_s": None,
        }
    answer = model.assess([Observation.from_bytes(heard.observation)], alpha)[0]
    return (
        named
        | {"status": "ok", "duration_s": heard.audio.duration_s}
        | asdict(answer)
        | {"audio": asdict(heard.audio)}
    )
