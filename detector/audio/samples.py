"""Samples as floats, and their mean."""

from typing import Final

import numpy as np
from av.audio.frame import AudioFrame

from detector.types import FloatArray

LOUDEST: Final = 8.0  # floats may exceed full scale, but not without bound


def to_float(frame: AudioFrame) -> FloatArray:
    """Return the samples as float32 [channels, n], full scale at 1.0, NaN and infinity as 0."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - np.float32(128)) / np.float32(128)
    if data.dtype.kind == "i":
        return data.astype(np.float32) / np.float32(2 ** (8 * data.itemsize - 1))
    samples = data.astype(np.float32, copy=False)
    if samples.size == 0 or (samples.min() >= -LOUDEST and samples.max() <= LOUDEST):
        return samples  # the usual case; a NaN is neither
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    clipped: FloatArray = samples.clip(-LOUDEST, LOUDEST)
    return clipped


def to_mono(chunk: FloatArray) -> FloatArray:
    """Return the mean [n] of all channels [channels, n]."""
    mono: FloatArray
    if len(chunk) == 1:
        mono = chunk[0]
    elif len(chunk) == 2:  # the same bits as the mean, in a third of the time
        mono = chunk[0] + chunk[1]
        mono *= np.float32(0.5)
    else:
        mono = chunk.mean(axis=0)
    return mono
