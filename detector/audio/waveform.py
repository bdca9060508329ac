"""The waveform of an observation, read without what scoring needs (no PyTorch)."""

import numpy as np
import orjson
import safetensors
import safetensors.numpy
import zstandard

from detector.errors import ModelError
from detector.types import FloatArray

PEAK_S = 0.1  # of detector.observation.observation, whose import brings PyTorch; a test compares
_MAX_BYTES = 256 * 2**20


def peaks_of(data: bytes) -> tuple[FloatArray, float]:
    """Return (largest sample of each 0.1 s [n], full scale at 1; the duration in seconds).

    Raises:
        ModelError: this is no observation.
    """
    try:
        plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)
        length = int.from_bytes(plain[:8], "little")
        header = orjson.loads(orjson.loads(plain[8 : 8 + length])["__metadata__"]["earmark"])
        peaks = safetensors.numpy.load(plain)["peaks"].astype(np.float32) / np.float32(255)
        return peaks, float(header["duration_s"])
    except (zstandard.ZstdError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(f"not an observation: {error}") from error
