"""The file ``references.zst`` of a model: the spectra's lines of its human recordings.

The vectors contain how often each bin is a maximum, in coarse steps, without what is common
(``detector.evidence.templates``). No sound can be made of them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
import safetensors.numpy
import zstandard
from numpy.typing import NDArray

from detector.errors import ModelError
from detector.types import FloatArray

REFERENCES: Final = "references.zst"
STEP: Final = 0.012  # the rms of a number in a unit vector of this length
_MAX_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class References:
    """Human recordings as the model's template set compares them: ``units`` [n, 6686] at length 1.

    ``whole`` [n] is what the strongest look found in each, its maker unknown; ``seconds`` and
    ``weights`` [n] are as in ``models.learning.null_distribution``; ``rates_hz`` [n] are sample
    rates; ``strata`` [n] are -1 where the population has none.
    """

    units: FloatArray
    whole: FloatArray
    seconds: FloatArray
    weights: FloatArray
    rates_hz: NDArray[np.int32]
    populations: NDArray[np.str_]
    strata: NDArray[np.int8]

    def of(self, population: str) -> "References":
        """Return those of one population."""
        return self.only(self.populations == population)

    def only(self, own: NDArray[np.bool_]) -> "References":
        """Return some of them."""
        return References(
            self.units[own],
            self.whole[own],
            self.seconds[own],
            self.weights[own],
            self.rates_hz[own],
            self.populations[own],
            self.strata[own],
        )


def unpack(data: bytes) -> References:
    """Read what ``models.training.references.pack`` wrote.

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
        return References(
            units, tensors["whole"], tensors["seconds"], tensors["weights"],
            tensors["rates_hz"], populations,
            tensors.get("strata", np.full(len(populations), -1, np.int8)),
        )  # fmt: skip
    except (zstandard.ZstdError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(f"not the references of a model: {error}") from error
