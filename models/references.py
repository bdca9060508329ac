"""The file ``references.zst`` of a model: the spectra's lines of its human recordings.

A generator can only be learned against people's recordings, and whoever learns one on a
laptop has not got the training set. These are vectors of which no sound can be made
(``detector.templates``: how often each bin is a maximum, without what is common), in coarse
steps: they match a template as the originals do, to a few thousandths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
import safetensors.numpy
import zstandard
from numpy.typing import NDArray

from detector.errors import ModelError
from detector.templates import Bank
from detector.types import FloatArray
from models.bank import Lines

REFERENCES: Final = "references.zst"
STEP: Final = 0.012  # the rms of a number in a unit vector of this length
_MAX_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class References:
    """Human recordings as the model's bank compares them: ``units`` [n, 6686] at length 1.

    ``scores`` [n] are theirs of the whole answer, out of fold.
    """

    units: FloatArray
    scores: FloatArray
    populations: NDArray[np.str_]


def pack(bank: Bank, lines: Lines, scores: Sequence[float]) -> bytes:
    """Return the file for the human recordings among ``lines``, whose scores are given."""
    units = bank.unit(lines.vectors[lines.human])
    steps = np.rint(units / STEP).clip(-127, 127).astype(np.int8)
    header = {"populations": orjson.dumps(lines.populations[lines.human].tolist()).decode()}
    tensors = {"units": steps, "scores": np.array(scores, np.float32)}
    plain = safetensors.numpy.save(tensors, header)
    return zstandard.ZstdCompressor(level=19).compress(plain)


def unpack(data: bytes) -> References:
    """Read what ``pack`` wrote.

    Raises:
        ModelError: it is something else.
    """
    try:
        plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)
        length = int.from_bytes(plain[:8], "little")
        header = orjson.loads(plain[8 : 8 + length])["__metadata__"]
        tensors = safetensors.numpy.load(plain)
        units = tensors["units"].astype(np.float32)
        units /= np.linalg.norm(units, axis=1, keepdims=True).clip(1e-9)
        populations = np.array(orjson.loads(header["populations"]))
        return References(units, tensors["scores"], populations)
    except (zstandard.ZstdError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(f"not the references of a model: {error}") from error
