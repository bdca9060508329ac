"""The compiled kernels give the reference's bits, on noise, music and what is at the edges."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deploy.build_kernels import compile_library
from detector import kernels
from detector.audio.spectra import fft_length
from detector.kernels import library
from detector.kernels.compiled import CompiledKernels, load
from detector.kernels.library import LIBRARY
from detector.kernels.reference import Comb, Fractions, Kernels, Spectra
from detector.matching.landmarks import Landmarker
from detector.observation.geometry import Geometry
from detector.observation.observation import Observer
from detector.types import FloatArray
from tests.support.made_once import made_once
from tests.support.observations import music
from tests.support.paths import ROOT

REFERENCE = Kernels()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        why = compile_library(ROOT, folder / LIBRARY)
        (folder / "why").write_text(why or "")

    folder = made_once(tmp_path_factory, "kernels", make)
    why = (folder / "why").read_text()
    if why.startswith("no C compiler"):
        pytest.skip(why)
    assert why == ""
    return folder / LIBRARY


@pytest.fixture(scope="module")
def fast(made: Path) -> CompiledKernels:
    loaded = load(made)
    assert loaded is not None
    return loaded


def kinds(count: int) -> Iterator[FloatArray]:
    """Noise, music, silence, the smallest numbers, full scale, one click, the loudest samples."""
    random = np.random.default_rng(count)
    noise = random.standard_normal(count).astype(np.float32)
    yield noise
    yield music(count / 44_100 + 1)[:count]
    yield np.zeros(count, np.float32)
    yield noise * np.float32(1e-41)
    yield np.where(noise > 0, 1, -1).astype(np.float32)
    yield np.eye(1, count, count // 3, dtype=np.float32)[0]
    yield noise.clip(-1, 1) * np.float32(8)


def same(ours: NDArray[np.float32], reference: NDArray[np.float32]) -> bool:
    """Whether all bits are the same."""
    return ours.dtype == reference.dtype and ours.tobytes() == reference.tobytes()


RATES = (8_000, 22_050, 32_000, 44_100, 48_000, 96_000)


@pytest.mark.parametrize("size", sorted({*map(fft_length, RATES), 2_160, 2_250, 2, 15, 60, 512}))
def test_spectra(fast: CompiledKernels, size: int) -> None:
    hop, window = size // 2 + 1, np.hanning(size).astype(np.float32)
    for rows in (1, 9):  # of eight at once
        for samples in kinds(size + (rows - 1) * hop):
            for bins in (size // 2 + 1, size // 3 + 1):
                arguments = (samples, window, hop, bins)
                ours = fast.power_spectra(*arguments)
                assert same(ours, REFERENCE.power_spectra(*arguments))


@pytest.mark.parametrize("rows", [0, 1, 8, 11])
@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_segments(fast: CompiledKernels, rows: int, rate: int) -> None:
    geometry = Geometry(rate)
    size = geometry.segment // 8
    window = np.hanning(size).astype(np.float32)
    for numbers in kinds(max(rows, 1) * size):
        levels = numbers.reshape(-1, size)[:rows]
        halves = (levels[:, : size // 2], levels[:, size // 2 :])
        arguments = (halves, levels.mean(axis=1), window, size // 3)
        assert same(fast.segment_power(*arguments), REFERENCE.segment_power(*arguments))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(0, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_filters(fast: CompiledKernels, count: int, filters: int, phases: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = random.standard_normal((phases, -(-count // phases), 2 * filters)).astype(np.float32)
    arguments = (parts, count, 1e-9)
    assert same(fast.filter_power(*arguments), REFERENCE.filter_power(*arguments))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2_500), st.integers(0, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_order(fast: CompiledKernels, count: int, side: int, largest: int, seed: int) -> None:
    random, width = np.random.default_rng(seed), 2 * side + 1
    for numbers in (random.standard_normal(count), random.integers(0, 4, count)):  # with ties
        row = numbers.astype(np.float32)
        largest = min(largest, width)
        assert same(fast.ranked(row, largest, width), REFERENCE.ranked(row, largest, width))
        padded = np.pad(row, side)
        ours, theirs = np.zeros(count, np.int32), np.zeros(count, np.int32)
        fast.count_maxima(padded, width, ours)
        REFERENCE.count_maxima(padded, width, theirs)
        assert np.array_equal(ours, theirs)
        starts = np.unique(random.integers(0, count + 1, 9)).astype(np.intp)
        if len(starts) > 1:
            starts = np.sort(np.append(starts, starts[0]))  # an empty range
            values = np.stack((row, -row))
            ranges = fast.range_maxima(values, starts)
            assert same(ranges, REFERENCE.range_maxima(values, starts))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 19), st.integers(1, 9), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_combs(fast: CompiledKernels, rows: int, lines: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    heights = random.standard_normal((rows, 50)).astype(np.float32)
    places = random.integers(0, 50, (lines, columns)).astype(np.int32)
    comb = Comb(places, int(places.max()))
    ours = fast.comb_sums(heights, comb)
    assert same(ours, REFERENCE.comb_sums(heights, comb))
    assert same(ours[:1].copy(), fast.comb_sums(heights[:1], comb)), "whatever the batch"


@settings(max_examples=40, deadline=None)
@given(st.floats(3, 400), st.integers(1, 24), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_fractions(fast: CompiledKernels, hz: float, orders: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    heights = random.standard_normal(bins).astype(np.float32)
    heights[random.random(bins) < 0.2] = np.nan
    counts = random.integers(0, 200, orders)
    fractions = Fractions(
        np.arange(1, orders + 1), counts, np.concatenate([np.arange(n) for n in counts])
    )
    arguments = (heights, hz, 1_500 / 280, 150.0, 1_500.0, fractions)
    for ours, theirs in zip(
        fast.fraction_sums(*arguments), REFERENCE.fraction_sums(*arguments), strict=True
    ):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(1, 600),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_correlations(
    fast: CompiledKernels, rows: int, count: int, blocks: int, bins: int, seed: int
) -> None:
    random = np.random.default_rng(seed)

    def spectra(of: int) -> Spectra:
        return Spectra(*random.standard_normal((2, of, blocks, bins)).astype(np.float32))

    arguments = (spectra(rows), spectra(count))
    ours, theirs = fast.correlated(*arguments), REFERENCE.correlated(*arguments)
    assert ours.dtype == theirs.dtype
    assert ours.tobytes() == theirs.tobytes()


def test_what_does_not_fit_goes_to_the_reference(fast: CompiledKernels) -> None:
    row = np.arange(10, dtype=np.float32)
    with pytest.raises(ValueError, match="broadcast"):
        fast.count_maxima(row, 3, np.zeros(9, np.int32))
    with pytest.raises(IndexError):
        fast.range_maxima(row[None], np.array([0, 12, 30]))
    with pytest.raises(IndexError):
        fast.comb_sums(row[None], Comb(np.array([[10]], np.int32), 10))
    with pytest.raises(ValueError, match="window"):
        fast.power_spectra(row, np.ones(16, np.float32), 1, 9)


@pytest.mark.parametrize("rate", RATES)
def test_observation_and_landmarks_are_the_same_bytes(
    fast: CompiledKernels, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = music(20, rate)
    samples[: rate // 2] = 0

    def taken(makes: Kernels) -> tuple[bytes, bytes]:
        monkeypatch.setattr(kernels, "chosen", makes)
        observer, landmarker = Observer(rate), Landmarker(rate)
        for piece in np.array_split(samples, 7):
            observer.feed(piece)
            landmarker.feed(piece)
        return observer.finish().to_bytes(), landmarker.finish().to_bytes()

    assert taken(fast) == taken(REFERENCE)


def test_a_library_of_other_sources_is_not_used(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(made) is not None
    assert load(tmp_path / LIBRARY) is None
    broken = tmp_path / LIBRARY
    broken.write_bytes(b"no library")
    assert load(broken) is None
    monkeypatch.setattr(library, "sources_digest", lambda: "0" * 64)
    assert load(made) is None
