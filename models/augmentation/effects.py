"""Effects on samples, for the delivery simulator and for hard negatives. All pure.

Audio is float32 [channels, n], full scale at 1.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
import torchaudio.functional
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from detector.types import FloatArray, FloatVector

SEMITONE: Final = (89, 84)  # 1.05952: 2 ** (1 / 12) to a hundredth of a cent
VOCODER_FFT: Final = 2_048
CEILING: Final = 0.97
LOOK_AHEAD_S: Final = 0.005


def resampled(audio: FloatArray, rate_hz: int, target_hz: int) -> FloatArray:
    """Return the audio at another sample rate, band-limited (windowed sinc)."""
    if rate_hz == target_hz:
        return audio
    wave = torch.from_numpy(np.ascontiguousarray(audio))
    out: FloatArray = torchaudio.functional.resample(
        wave, rate_hz, target_hz, lowpass_filter_width=24
    ).numpy()
    return out


def sped(audio: FloatArray, percent: int) -> FloatArray:
    """Return the audio played faster by ``percent``, pitch included, as tape does."""
    return resampled(audio, 100 + percent, 100)


def stretched(audio: FloatArray, speed: float, hop: int = VOCODER_FFT // 4) -> FloatArray:
    """Return the audio at another tempo and the same pitch, by a phase vocoder."""
    wave = torch.from_numpy(np.ascontiguousarray(audio))
    window = torch.hann_window(VOCODER_FFT)
    spectrum = torch.stft(wave, VOCODER_FFT, hop, window=window, return_complex=True)
    advance = torch.linspace(0, torch.pi * hop, VOCODER_FFT // 2 + 1)[:, None]
    moved = torchaudio.functional.phase_vocoder(spectrum, speed, advance)
    length = round(audio.shape[1] / speed)
    out: FloatArray = torch.istft(moved, VOCODER_FFT, hop, window=window, length=length).numpy()
    return out


def pitched(audio: FloatArray, semitones: int) -> FloatArray:
    """Return the audio one semitone up (1) or down (-1) at the same tempo."""
    up, down = SEMITONE if semitones > 0 else SEMITONE[::-1]
    return resampled(stretched(audio, down / up), up, down)


def limited(
    audio: FloatArray, rate_hz: int, *, drive_db: float, release_s: float = 0.08
) -> FloatArray:
    """Return the audio driven into a look-ahead peak limiter, channels linked."""
    driven = audio * np.float32(10 ** (drive_db / 20))
    need = np.minimum(1, CEILING / np.abs(driven).max(axis=0).clip(min=1e-9))
    ahead = int(LOOK_AHEAD_S * rate_hz)
    lowest = minimum_filter1d(need, 2 * ahead + int(release_s * rate_hz))
    gain = uniform_filter1d(lowest, 2 * ahead)  # reaches the minimum before the peak does
    out: FloatArray = (driven * gain).clip(-1, 1).astype(np.float32)
    return out


def equalised(audio: FloatArray, rate_hz: int, rng: np.random.Generator) -> FloatArray:
    """Return the audio through a gentle equaliser: six bands, each within 6 dB."""
    bands = (60.0, 200.0, 800.0, 3_000.0, 8_000.0, 14_000.0)
    gains = rng.uniform(-6, 6, len(bands))
    return _filtered(
        audio, rate_hz, lambda hz: 10 ** (np.interp(np.log(hz), np.log(bands), gains) / 20)
    )


def low_passed(audio: FloatArray, rate_hz: int, cut_hz: float) -> FloatArray:
    """Return the audio without what lies above ``cut_hz`` (over half a kilohertz)."""
    return _filtered(audio, rate_hz, lambda hz: ((cut_hz + 500 - hz) / 500).clip(0, 1))


def with_noise(audio: FloatArray, ratio_db: float, rng: np.random.Generator) -> FloatArray:
    """Return the audio with white noise ``ratio_db`` below its level."""
    level = float(np.sqrt(np.square(audio).mean())) * 10 ** (-ratio_db / 20)
    noise: FloatArray = rng.standard_normal(audio.shape, dtype=np.float32)
    return audio + noise * np.float32(level)


def _filtered(
    audio: FloatArray, rate_hz: int, response: Callable[[FloatVector], FloatVector]
) -> FloatArray:
    """Return the audio through a zero-phase filter, given its gain at each frequency."""
    length = audio.shape[1]
    size = 1 << (length - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / rate_hz).clip(min=1.0)
    out = np.fft.irfft(np.fft.rfft(audio, size) * response(hz), size)[:, :length]
    filtered: FloatArray = out.astype(np.float32)
    return filtered
