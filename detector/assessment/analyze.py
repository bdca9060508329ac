"""One file's answer as plain data: a JSON object with the same keys for every file."""

from dataclasses import asdict
from typing import Any

from detector.assessment.model import Model
from detector.assessment.sides import assess
from detector.errors import BadInput
from detector.observation.observation import Observation
from detector.types import DecodedTrack, Rates


def analysed(path: str, decoded: DecodedTrack, model: Model, rates: Rates) -> dict[str, Any]:
    """Return the analysis of a file that was decoded (``status`` ok)."""
    (answer,) = assess(model, [Observation.from_bytes(decoded.observation)], rates)
    return (
        {"path": path, "status": "ok"}
        | asdict(answer)
        | {"duration_s": decoded.audio.duration_s}
        | _model(model)
        | {"audio": asdict(decoded.audio)}
    )


def rejected(path: str, error: BadInput, model: Model) -> dict[str, Any]:
    """Return the same keys for a file that could not be decoded (``status`` rejected)."""
    return {
        "path": path,
        "status": "rejected",
        "outcome": None,
        "reason": error.reason,
        "detail": error.detail,
        "score": None,
        "probability": None,
        "p_value": None,
        "extent": None,
        "coverage": None,
        "segments": [],
        "generator": None,
        "evidence": [],
        "identified_p_value": None,
        "duration_s": None,
    } | _model(model)


def _model(model: Model) -> dict[str, Any]:
    return {"model": {"name": model.name, "version": model.version, "digest": model.digest}}
