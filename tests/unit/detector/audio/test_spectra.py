from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from numpy.lib.stride_tricks import sliding_window_view

from detector.audio.spectra import BIN_HZ, BINS, LTAS_BANDS, Spectra, fft_length, gated_loudness
from detector.observation.geometry import Geometry
from detector.observation.listen import listen
from detector.observation.observation import Observer
from detector.types import FloatArray
from tests.support.audio import write_wav

RATE = 44_100


def piece(seconds: float, rate: int = RATE, seed: int = 3) -> FloatArray:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    knots = np.arange(0, seconds + 1, 0.7)
    swell = np.exp(np.interp(time, knots, rng.normal(-2, 1.2, len(knots))))
    tones = sum(np.sin(2 * np.pi * hz * time + hz) for hz in (110, 443, 1_210, 5_007))
    return (swell * (0.1 * tones + 0.1 * rng.standard_normal(len(time)))).astype(np.float32)


def naive_shares(samples: FloatArray) -> tuple[FloatArray, int]:
    frames = sliding_window_view(samples.astype(float), 16_384)[::8_192]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(16_384) / 16_384)
    power = np.abs(np.fft.rfft(frames * window)) ** 2 * 4 / window.sum() ** 2
    level = (10 * np.log10(power[:, 40:3_000:8])).mean(axis=1)
    kept = np.floor(level) >= np.floor(level).max() - 60
    near = np.pad(power[kept][:, :BINS], ((0, 0), (6, 6)))
    # the edges of the axis have fewer neighbours
    most = sliding_window_view(near, 13, axis=1).max(axis=2)
    return (power[kept][:, :BINS] == most).mean(axis=0), int(kept.sum())


def test_shares_are_those_of_the_naive_count() -> None:
    samples = piece(9)
    samples[3 * RATE : 5 * RATE] *= 1e-5  # these frames are 100 dB down: they do not count
    observer = Observer(RATE)
    observer.feed(samples)
    observed = observer.finish()
    expected, frames = naive_shares(samples)
    assert observed.share_frames == frames < 9 * RATE // 8_192 - 1
    assert np.abs(observed.shares - expected).max() <= 2 / frames  # a tie may fall otherwise
    assert (np.abs(observed.shares - expected) > 1e-6).mean() < 0.001
    assert observed.shares.sum() == pytest.approx(expected.sum(), rel=1e-3)


@pytest.mark.parametrize("rate", [16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_a_tone_stands_in_the_same_bin_at_any_rate(rate: int) -> None:
    time = np.arange(3 * rate) / rate
    noise = np.random.default_rng(1).standard_normal(len(time))
    samples = (0.2 * np.sin(2 * np.pi * 4_000 * time) + 1e-3 * noise).astype(np.float32)
    spectra = Spectra(rate, Geometry(rate).segment_s / 2)
    spectra.feed(samples)
    shares, frames, ltas = spectra.finish()
    assert frames > 10
    assert shares.argmax() == pytest.approx(4_000 / BIN_HZ, abs=1)
    assert shares.max() == 1
    assert ltas.shape == (len(ltas), LTAS_BANDS)
    level = 10 * np.log10((10 ** (ltas / 10)).mean(axis=0)[15:17].sum())
    assert level == pytest.approx(20 * np.log10(0.2) + 10 * np.log10(1.5), abs=0.3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 88_200, 192_000, 50_123])
def test_the_transform_is_fast_and_fine_enough(rate: int) -> None:
    length = fft_length(rate)
    assert length % 2 == 0
    assert rate / length <= BIN_HZ
    assert length / (rate / BIN_HZ) < 1.02
    for prime in (2, 3, 5, 7, 11, 13):
        while length % prime == 0:
            length //= prime
    assert length == 1


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_that_of_the_standard(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.stack([piece(12, rate, seed) for seed in range(channels)])
    write_wav(tmp_path / "a.wav", samples, rate)
    decoded = listen(tmp_path / "a.wav", max_duration_s=60)
    expected = torchaudio.functional.loudness(torch.from_numpy(samples).double(), rate)
    assert decoded.audio.loudness_lufs == pytest.approx(float(expected), abs=0.5)


def test_quiet_passages_do_not_count_for_loudness() -> None:
    loud, quiet = np.full(20, 0.01, np.float32), np.full(200, 1e-5, np.float32)
    alone, both = gated_loudness(loud, 1.0), gated_loudness(np.concatenate((loud, quiet)), 1.0)
    assert alone is not None
    assert both == pytest.approx(alone, abs=0.01)
    assert gated_loudness(np.full(9, 1e-9, np.float32), 1.0) is None
    assert gated_loudness(np.empty(0, np.float32), 1.0) is None
