"""Watermarks that tests put on themselves, and a package with detectors of its own."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.fft

from detector.types import FloatArray
from detector.watermarks import perth
from detector.watermarks.detectors import GROUP

LAYERS = ((256, 128, 1), *5 * [(256, 256, 7)], (128, 256, 1))


class Tone:
    """Another package's detector: its watermark is a tone of 1 kHz."""

    generator = "Tonemaker"
    version = "7"
    sample_rate_hz = 16_000
    threshold = 0.9
    false_positives = 0.0005

    def confidence(self, samples: FloatArray) -> float:
        power = np.abs(np.fft.rfft(samples)) ** 2
        return float(power[len(samples) * 1_000 // self.sample_rate_hz] / power.sum())


class Unsure(Tone):
    false_positives = 0.01


class Broken(Tone):
    def confidence(self, samples: FloatArray) -> float:
        raise ValueError(f"{len(samples)} samples")


class Nothing:
    generator = "Nothing"


def register(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the metadata of an installed package on the path, its entry points among them."""
    metadata = folder / "tonemaker-7.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tonemaker\nVersion: 7\n")
    kinds = (Tone, Unsure, Broken, Nothing)
    lines = [f"{kind.__name__.lower()} = {kind.__module__}:{kind.__name__}" for kind in kinds]
    (metadata / "entry_points.txt").write_text("\n".join((f"[{GROUP}]", *lines, "")))
    monkeypatch.syspath_prepend(str(folder))


def watermarked(samples: FloatArray) -> FloatArray:
    """Samples [n] at 32 kHz with Perth, by the encoder in the same checkpoint."""
    layers = []
    with zipfile.ZipFile(perth._checkpoint()) as archive:
        for number, shape in zip(range(0, 14, 2), LAYERS, strict=True):
            weights, bias = (
                np.frombuffer(archive.read(f"archive/data/{one}"), "<f4")
                for one in (number, number + 1)
            )
            layers.append(perth.Layer(weights.reshape(shape).transpose(2, 0, 1), bias[:, None]))
    spectra = perth._spectra(samples)
    levels = perth._levels(spectra)
    sums = levels.sum(axis=0)
    values = levels[: perth.BINS]
    for layer in layers[:-1]:
        values = perth._convolved(values, layer)
        values = np.maximum(values, np.float32(0.01) * values)
    values = perth._convolved(values, layers[-1])
    levels[: perth.BINS] += values * (sums > perth.AUDIBLE * sums.max())
    decibels = levels * (perth.HEADROOM_DB - perth.FLOOR_DB) + perth.FLOOR_DB
    return _samples(10 ** (decibels / 20) * np.exp(1j * np.angle(spectra)), len(samples))


def _samples(spectra: np.ndarray, length: int) -> FloatArray:
    window = perth._window()
    out = np.zeros(length + perth.FFT + perth.HOP)
    weight = np.full_like(out, 1e-9)
    for number, frame in enumerate(scipy.fft.irfft(spectra, perth.FFT, axis=0).T):
        place = slice(number * perth.HOP, number * perth.HOP + perth.FFT)
        out[place] += frame * window
        weight[place] += window**2
    start = perth.FFT // 2
    return (out / weight)[start : start + length].astype(np.float32)
