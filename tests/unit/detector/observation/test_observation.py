from dataclasses import replace

import numpy as np
import orjson
import pytest
import safetensors.numpy
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from detector.calibration.applicability import abstention_reason
from detector.errors import ModelError
from detector.observation import observation as observing
from detector.observation.geometry import Geometry
from detector.observation.observation import (
    GROUPS_HZ,
    Observation,
    Observer,
    quantise_timeline,
)
from detector.types import FloatArray
from tests.support.observations import RATE, music, observe


@pytest.fixture(scope="module")
def decoded() -> tuple[FloatArray, Observation]:
    samples = music(26)
    return samples, observe(samples)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 26 * RATE - 1), max_size=12))
def test_how_samples_are_cut_changes_nothing(
    decoded: tuple[FloatArray, Observation], cuts: list[int]
) -> None:
    samples, whole = decoded
    observer = Observer(RATE)
    for piece in np.split(samples, sorted(cuts)):
        observer.feed(piece)
    assert observer.finish().to_bytes() == whole.to_bytes()


def test_many_tiny_pieces_change_nothing_either() -> None:
    samples = music(2)
    observer = Observer(RATE)
    for start in range(0, len(samples), 37):
        observer.feed(samples[start : start + 37])
    assert observer.finish().to_bytes() == observe(samples).to_bytes()


def reference_clock(samples: FloatArray, geometry: Geometry) -> FloatArray:
    """The recipe of the module docstring, naively and in double precision."""
    frames = sliding_window_view(samples.astype(float), geometry.taps)[:: geometry.hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(geometry.taps) / geometry.taps)
    envelope = np.log(np.abs(np.fft.rfft(frames * window)) ** 2 + 1e-9)
    centres = np.arange(envelope.shape[1]) * geometry.sample_rate_hz / geometry.taps
    size = geometry.segment
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    sums = [np.zeros(geometry.bins) for _ in GROUPS_HZ]
    counts = [0 for _ in GROUPS_HZ]
    for start in range(0, len(envelope) - size + 1, size // 2):
        part = envelope[start : start + size]
        power = np.abs(np.fft.rfft((part - part.mean(axis=0)) * hann[:, None], axis=0)) ** 2
        power = power[: geometry.bins] / power[geometry.bins // 8 : geometry.bins].mean(axis=0)
        for group, (low, high) in enumerate(GROUPS_HZ):
            members = (centres >= low) & (centres < high)
            sums[group] += power[:, members].sum(axis=1)
            counts[group] += int(members.sum())
    log = np.log(np.stack([total / count for total, count in zip(sums, counts, strict=True)]))
    side = round(5.5 / geometry.bin_hz)
    padded = np.pad(log, ((0, 0), (side, side)), mode="edge")
    around = np.sort(sliding_window_view(padded, 2 * side + 1, axis=1), axis=2)
    lines = log - around[:, :, round(0.92 * 2 * side)]
    lines[:, : round(20 / geometry.bin_hz)] = 0
    return np.asarray(lines, np.float32)


def test_the_modulation_spectrum_is_what_the_recipe_says(
    decoded: tuple[FloatArray, Observation],
) -> None:
    samples, whole = decoded
    expected = reference_clock(samples, whole.geometry)
    difference = np.abs(whole.clock - expected)
    assert whole.clock.shape == expected.shape
    assert np.median(difference) < 1e-4
    assert difference.max() < 0.05
    line = round(43.066 / whole.geometry.bin_hz)
    assert whole.clock[:, line - 1 : line + 2].max(axis=1).min() > 2  # the pulse stands out


def test_bytes_and_back(decoded: tuple[FloatArray, Observation]) -> None:
    _, whole = decoded
    back = Observation.from_bytes(whole.to_bytes())
    assert (back.sample_rate_hz, back.groups, back.share_frames) == (
        whole.sample_rate_hz,
        whole.groups,
        whole.share_frames,
    )
    assert back.duration_s == pytest.approx(26, abs=1e-3)
    assert np.abs(back.clock - whole.clock).max() < 0.01
    assert np.array_equal(quantise_timeline(back.timeline), quantise_timeline(whole.timeline))
    assert np.allclose(back.shares, whole.shares, atol=1e-6)
    assert np.abs(back.ltas - whole.ltas).max() <= 0.26
    assert np.abs(back.peaks - whole.peaks).max() < 0.003
    assert back.to_bytes() == Observation.from_bytes(back.to_bytes()).to_bytes()


def test_three_minutes_take_less_than_half_a_megabyte() -> None:
    noise = np.random.default_rng(5).normal(0, 0.2, 180 * RATE).astype(np.float32)
    assert len(observe(noise).to_bytes()) <= 500_000  # noise compresses worst


def test_another_version_is_refused(
    decoded: tuple[FloatArray, Observation], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = decoded[1].to_bytes()
    monkeypatch.setattr(observing, "VERSION", observing.VERSION + 1)
    with pytest.raises(ModelError, match="observation version 1, not 2"):
        Observation.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an observation",
        zstandard.ZstdCompressor().compress(b"\x05\x00\x00"),
        zstandard.ZstdCompressor().compress(safetensors.numpy.save({"a": np.zeros(3)})),
        zstandard.ZstdCompressor().compress(
            safetensors.numpy.save({}, {"earmark": orjson.dumps({"version": 1}).decode()})
        ),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        Observation.from_bytes(data)


def test_altered_bytes_are_refused_or_read_but_never_crash(
    decoded: tuple[FloatArray, Observation],
) -> None:
    data = decoded[1].to_bytes()
    for position in range(0, len(data), len(data) // 40):
        changed = data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]
        try:
            Observation.from_bytes(changed)
        except ModelError:
            continue


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_any_sample_rate_is_observed(rate: int) -> None:
    observed = observe(music(7, rate), rate)
    geometry = observed.geometry
    assert 8 < geometry.segment_s < 17
    assert observed.clock.shape == (3, geometry.bins)
    assert observed.groups == tuple(rate / 2 > low for low, _ in GROUPS_HZ)
    assert np.isfinite(observed.clock).all()
    assert Observation.from_bytes(observed.to_bytes()).geometry == geometry
    assert (abstention_reason(observed) == "band_limited") == (rate == 8_000)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 4_409, 4_410, 44_100])
def test_hardly_any_samples_are_no_error(count: int) -> None:
    observed = observe(music(2)[:count])
    assert Observation.from_bytes(observed.to_bytes()).duration_s == pytest.approx(
        count / RATE, abs=1e-4
    )
    assert abstention_reason(observed) == "too_short"


def test_silence_is_observed_as_silence() -> None:
    observed = observe(np.zeros(30 * RATE, np.float32))
    assert observed.groups == (False, False, False)
    assert not observed.clock.any()
    assert not observed.shares.any()
    assert abstention_reason(observed) == "silent"
    assert len(Observation.from_bytes(observed.to_bytes()).timeline) == len(observed.timeline)


def test_observations_are_values(decoded: tuple[FloatArray, Observation]) -> None:
    assert replace(decoded[1], duration_s=1.0).duration_s == 1.0
    with pytest.raises(AttributeError):
        decoded[1].duration_s = 2.0  # type: ignore[misc]


def test_sides_are_stored_beside_the_mix_and_readers_of_before_pass_over_them() -> None:
    mix, left, right = (observe(music(8, seed=seed)) for seed in (1, 2, 3))
    with_sides = replace(mix, sides={"left": left, "right": right})
    read = Observation.from_bytes(with_sides.to_bytes())
    assert list(read.sides) == ["left", "right"]
    pairs = ((read, mix), (read.sides["left"], left), (read.sides["right"], right))
    for stored, made in pairs:
        assert replace(stored, sides={}).to_bytes() == made.to_bytes()
    assert Observation.from_bytes(mix.to_bytes()).sides == {}
    plain = zstandard.ZstdDecompressor().decompress(with_sides.to_bytes())
    before = zstandard.ZstdDecompressor().decompress(mix.to_bytes())
    assert safetensors.numpy.load(before).keys() <= safetensors.numpy.load(plain).keys()
