"""A simulated neural decoder: the clock of a real one, without anyone's weights.

Strides repeat the same filters in every frame, so the output pulses at sample_rate / hop even with
random weights. Music below 4 kHz passes; all above is painted from latents at its level. Figures on
such files say nothing about any real generator.
"""

from math import prod
from typing import Final

import numpy as np
from scipy import fft

from detector.types import FloatArray

SPLIT_HZ: Final = 4_000.0
WIDTH: Final = 8  # latent and hidden channels


def decode_through(
    audio: FloatArray, sample_rate_hz: int, strides: tuple[int, ...], seed: int
) -> FloatArray:
    """Return ``audio`` [channels, n] with its upper bands painted by a simulated decoder.

    Args:
        audio: float32, full scale at 1.
        sample_rate_hz: of ``audio``; the clock then runs at this over the product of strides.
        strides: of the transposed convolutions, the first at the frame rate.
        seed: of weights and latents.
    """
    hop = prod(strides)
    low, high = _split(audio, sample_rate_hz)
    frames = -(-audio.shape[1] // hop)
    painted = _paint(len(audio), frames, strides, seed)[:, : audio.shape[1]]
    painted = _split(painted, sample_rate_hz)[1]
    painted = painted * (_level(high, hop) / painted.std(axis=1, keepdims=True))
    out: FloatArray = (low + painted).astype(np.float32)
    return out


def _paint(channels: int, frames: int, strides: tuple[int, ...], seed: int) -> FloatArray:
    """Return [channels, frames * hop]: random latents through random upsampling layers."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((frames, WIDTH), np.float32)
    for index, stride in enumerate(strides):
        outputs = channels if index == len(strides) - 1 else WIDTH
        signal = _upsample(signal, rng.standard_normal((2, WIDTH, stride * outputs), np.float32))
        signal = signal.reshape(-1, outputs)
        if index < len(strides) - 1:
            signal = signal / signal.std()
            signal = np.maximum(signal, np.float32(0.2) * signal)  # leaky ReLU
    return np.ascontiguousarray(signal.T)


def _upsample(signal: FloatArray, weight: FloatArray) -> FloatArray:
    """Return a transposed convolution [frames, stride * outputs] over two frames.

    ``signal`` [frames, channels], ``weight`` [2, channels, stride * outputs].
    """
    out: FloatArray = signal @ weight[0]
    out[1:] += signal[:-1] @ weight[1]
    return out


def _split(audio: FloatArray, sample_rate_hz: int) -> tuple[FloatArray, FloatArray]:
    length = audio.shape[1]
    size = fft.next_fast_len(length, real=True)
    spectrum = fft.rfft(audio, size)
    spectrum[:, : int(SPLIT_HZ / sample_rate_hz * size)] = 0
    high = fft.irfft(spectrum, size)[:, :length].astype(np.float32, copy=False)
    return audio - high, high


def _level(audio: FloatArray, hop: int) -> FloatArray:
    """Return the root mean square of each frame, drawn smoothly through the frames."""
    frames = audio.shape[1] // hop
    power = np.square(audio[:, : frames * hop]).reshape(len(audio), frames, hop).mean(axis=2)
    centres = (np.arange(frames) + 0.5) * hop
    at = np.arange(audio.shape[1])
    level = np.stack([np.interp(at, centres, row) for row in np.sqrt(power)])
    return level.astype(np.float32)
