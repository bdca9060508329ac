"""Model folders: the tensors of human scores, the manifest with its digests, the card."""

import hashlib
from pathlib import Path
from typing import Any, Final

import orjson
from numpy.typing import NDArray

from detector.assessment.model import MANIFEST
from detector.calibration.calibration import HumanScores
from models.learning.card import write_card

CARD: Final = "CARD.md"


def tensors_of_scores(name: str, humans: HumanScores) -> dict[str, NDArray[Any]]:
    """Return human scores as weights hold them; their scale is in the manifest."""
    tensors = {f"human_scores.{name}": humans.values, f"human_weights.{name}": humans.weights}
    return tensors if humans.strata is None else tensors | {f"human_strata.{name}": humans.strata}


def write(out: Path, description: dict[str, Any], parts: dict[str, bytes]) -> str:
    """Write a model folder: the parts, the card, and the manifest with all their digests.

    Returns:
        the model's digest: the SHA-256 of the manifest.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = packed(description, parts)
    for file, data in (parts | {CARD: write_card(description).encode()}).items():
        (out / file).write_bytes(data)
    (out / MANIFEST).write_bytes(written)
    return hashlib.sha256(written).hexdigest()


def packed(description: dict[str, Any], parts: dict[str, bytes]) -> bytes:
    """Return the manifest with the digests of all files."""
    files_of = parts | {CARD: write_card(description).encode()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files_of.items())}
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return orjson.dumps(description | {"files": digests}, option=options) + b"\n"
