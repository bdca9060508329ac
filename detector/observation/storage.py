"""The stored form of an observation, read without scipy: safetensors in zstandard."""

from typing import Any, Final

import numpy as np
import orjson
import safetensors
import safetensors.numpy
import zstandard
from numpy.typing import NDArray

from detector.errors import ModelError
from detector.types import FloatArray

PEAK_S: Final = 0.1
"""Length in seconds of the block that each number of ``peaks`` stands for."""
_MAX_BYTES: Final = 256 * 2**20


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the tensors of a stored observation.

    Raises:
        ModelError: the bytes are no observation.
    """
    try:
        plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)
        length = int.from_bytes(plain[:8], "little")
        header = orjson.loads(orjson.loads(plain[8 : 8 + length])["__metadata__"]["earmark"])
        return header, safetensors.numpy.load(plain)
    except (zstandard.ZstdError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(f"not an observation: {error}") from error


def peaks_of(data: bytes) -> tuple[FloatArray, float]:
    """Return the largest sample of each 0.1 s [n], full scale at 1, and the duration in seconds.

    Raises:
        ModelError: the bytes are no observation.
    """
    header, tensors = unpack(data)
    try:
        return tensors["peaks"].astype(np.float32) / np.float32(255), float(header["duration_s"])
    except (KeyError, ValueError) as error:
        raise ModelError(f"not an observation: {error}") from error
