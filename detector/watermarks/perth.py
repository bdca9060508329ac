"""Perth, the watermark of Resemble AI (Chatterbox and relatives).

Three convolutional networks read the magnitudes below 2 kHz at three speeds. Each estimates the
mark and how much its estimate counts. Here they are products of matrices in numpy. Of the
wheel ``resemble-perth`` only the checkpoint is read: an archive of plain arrays beside a pickle,
which stays where it is. The SHA-256 of the whole file proves which array is which.
"""

import hashlib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detector.errors import Fatal
from detector.types import BoolVector, FloatArray

WHEEL: Final = "resemble-perth"
CHECKPOINT: Final = "perth/perth_net/pretrained/implicit/perth_net_250000.pth.tar"
SHA256: Final = "a15bce457ebc53ce5e6c9c3f11df78cf7ee2bf9cdab0a798902135b4c4027670"
FIRST_ARRAY: Final = {1.25: 14, 1.0: 28, 0.75: 42}
"""Number in the archive of a network's first array, by the speed that it reads at."""
SHAPES: Final = ((256, 128, 1), *5 * [(256, 256, 7)], (2, 256, 1))

FFT, HOP, BINS = 2_048, 320, 128
FLOOR: Final = 1e-9
FLOOR_DB: Final = -180.0
HEADROOM_DB: Final = 15
AUDIBLE: Final = 0.05
"""Of the loudest frame: quieter ones carry no mark."""


class Layer(NamedTuple):
    """Weights [width, out, in] and bias [out, 1] of a convolution."""

    weights: FloatArray
    bias: FloatArray


class Perth:
    """The detector."""

    generator = "Resemble AI"
    version = SHA256[:12]
    sample_rate_hz = 32_000
    threshold = 0.9
    false_positives = 0.0091

    def __init__(self) -> None:
        self._networks = dict(_networks(_checkpoint()))

    def confidence(self, samples: FloatArray) -> float:
        """Return the mean of the three estimates, each as heavy as it counts itself."""
        levels = _levels(_spectra(samples))
        sums = levels.sum(axis=0)
        loud = sums >= AUDIBLE * sums.max()
        band = np.ascontiguousarray(levels[:BINS])
        counts, marks = np.array(
            [_estimate(band, loud, layers, speed) for speed, layers in self._networks.items()]
        ).T
        weights = np.exp(counts - counts.max())
        return float(np.clip(weights @ marks / weights.sum(), 0, 1))


def _checkpoint() -> Path:
    try:
        path = Path(str(metadata.distribution(WHEEL).locate_file(CHECKPOINT)))
        whole = path.read_bytes()
    except (metadata.PackageNotFoundError, OSError) as error:
        raise Fatal(f"{WHEEL} is not installed: pip install earmark[watermarks]") from error
    if hashlib.sha256(whole).hexdigest() != SHA256:
        raise Fatal(f"{path} is not the checkpoint of {WHEEL} 1.0.1 (SHA-256 differs)")
    return path


def _networks(checkpoint: Path) -> Iterator[tuple[float, list[Layer]]]:
    with zipfile.ZipFile(checkpoint) as archive:

        def array(number: int) -> FloatArray:
            return np.frombuffer(archive.read(f"archive/data/{number}"), "<f4")

        for speed, first in FIRST_ARRAY.items():
            yield (
                speed,
                [
                    Layer(
                        np.ascontiguousarray(array(number).reshape(shape).transpose(2, 0, 1)),
                        array(number + 1)[:, None],
                    )
                    for number, shape in zip(range(first, first + 14, 2), SHAPES, strict=True)
                ],
            )


def _window() -> FloatArray:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)


def _spectra(samples: FloatArray) -> NDArray[np.complex64]:
    """Return the short-time spectra [1025, frames]."""
    padded = np.pad(samples, FFT // 2, mode="reflect")
    frames = sliding_window_view(padded, FFT)[::HOP] * _window()
    spectra: NDArray[np.complex64] = scipy.fft.rfft(frames, axis=1).T
    return spectra


def _levels(spectra: NDArray[np.complex64]) -> FloatArray:
    """Return magnitudes in dB, 0 at the floor and 1 above full scale."""
    levels: FloatArray = 20 * np.log10(np.abs(spectra).clip(FLOOR))
    return (levels - np.float32(FLOOR_DB)) / np.float32(HEADROOM_DB - FLOOR_DB)


def _estimate(
    band: FloatArray, loud: BoolVector, layers: list[Layer], speed: float
) -> tuple[float, float]:
    """Return how much a network's estimate counts, and the estimate."""
    frames = band.shape[1]
    length = int(frames * speed)
    at = np.linspace(0, frames - 1, length)
    low = at.astype(int).clip(max=frames - 2)
    part = (at - low).astype(np.float32)
    values = band if speed == 1 else band[:, low] * (1 - part) + band[:, low + 1] * part
    for layer in layers[:-1]:
        values = _convolved(values, layer)
        np.maximum(values, np.float32(0.01) * values, out=values)
    values = _convolved(values, layers[-1])
    used = loud[(np.arange(length) * (frames / length)).astype(int)]
    count, mark = values[:, used].mean(axis=1)
    return float(count), float(mark)


def _convolved(values: FloatArray, layer: Layer) -> FloatArray:
    """Return the convolution [out, n] of values [in, n], zero beyond the ends."""
    width, length = len(layer.weights), values.shape[1]
    padded = np.pad(values, ((0, 0), (width // 2, width // 2)))
    out = np.repeat(layer.bias, length, axis=1)
    for tap, weights in enumerate(layer.weights):
        out += weights @ padded[:, tap : tap + length]
    return out
