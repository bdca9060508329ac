"""The same answers in any company, on any device, and as a plain reading of the definition."""

import numpy as np
import pytest
import torch

from detector.assessment.model import Model
from detector.evidence.clock import (
    CLIP,
    CONTRAST,
    GUARD_CAP,
    GUARD_RATIO,
    HIGH_HZ,
    LOW_HZ,
    MIN_LINES,
    MP3_FRAME_HZ,
    MP3_WIDTH_HZ,
    NEIGHBOUR,
    Rate,
    score_tracks,
    standard_lattice,
)
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray, Rates
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through
from streams.runtime.settings import Settings

DEVICES = [
    "cpu",  # numpy
    "cpu:0",  # torch without a device: the same calls
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    ),
]


def observe(samples: FloatArray, rate_hz: int = RATE_HZ) -> Observation:
    observer = Observer(rate_hz)
    observer.feed(np.ascontiguousarray(samples, dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


@pytest.fixture(scope="module")
def tracks() -> list[Observation]:
    """64 of four kinds and three sample rates, a few of them near the threshold."""
    rng = np.random.default_rng(1)
    result = []
    for seed in range(8):
        played = render(seed, 13.0)
        painted = decode_through(played, RATE_HZ, (8, 8, 8), seed=seed)
        result += [
            observe((share * painted + (1 - share) * played).mean(axis=0))
            for share in (0.0, 0.5, 0.8, 1.0)
        ]
        result += [
            observe(rng.normal(0, 0.1, rate * seconds).astype(np.float32), rate)
            for rate, seconds in ((48_000, 13), (16_000, 9), (22_050, 8), (RATE_HZ, 2))
        ]
    return result


@pytest.mark.parametrize("device", DEVICES)
def test_one_by_one_or_sixty_four_at_once(tracks: list[Observation], device: str) -> None:
    model = Model.load(Settings().model, device)
    together = model.assess(tracks, Rates())
    alone = [model.assess([item], Rates())[0] for item in tracks[::3]]  # some of each kind
    on_cpu = Model.load(Settings().model).assess(tracks, Rates())
    assert len(tracks) == 64
    assert len({item.outcome for item in together}) >= 3
    for items, others in ((together[::3], alone), (together, on_cpu)):
        assert [item.outcome for item in items] == [item.outcome for item in others]
        for item, other in zip(items, others, strict=True):
            assert (item.score is None) == (other.score is None)
            if item.score is not None and other.score is not None:
                assert abs(item.score - other.score) <= 1e-3


def plain(
    heights: list[list[float]], groups: tuple[bool, ...], geometry: Geometry, rate: Rate
) -> float:
    """S of one rate, read off the definition in ``clock``, one number at a time."""
    scores = []
    for z, audible in zip(heights, groups, strict=True):
        on, off, count = _on_and_off(z, geometry, rate.hz, range(2, 9))
        if audible:
            scores.append((on - CONTRAST * max(off, 0.0)) * count**0.5 if count else 0.0)
    score = sum(scores) / len(scores)
    together = np.mean([z for z, audible in zip(heights, groups, strict=True) if audible], axis=0)
    on, off, count = _on_and_off(together, geometry, rate.hz, range(2, 25))
    if count and off > GUARD_RATIO * on:
        score = min(score, GUARD_CAP)
    return score - rate.penalty


def _heights(row: FloatArray, geometry: Geometry) -> list[float]:
    first = round(60 / geometry.bin_hz) + 1
    above = sorted(row[first:].tolist())
    middle, spread = above[(len(above) - 1) // 2], max(float(np.std(above)), 1e-6)
    z = [(value - middle) / spread for value in row.tolist()]
    joined = [
        max([z[at], *(NEIGHBOUR * z[k] for k in (at - 1, at + 1) if 0 <= k < len(z))])
        for at in range(len(z))
    ]
    mean = sum(joined[first:]) / len(joined[first:])
    return [min(max(value - mean, CLIP[0]), CLIP[1]) for value in joined]


def _on_and_off(
    z: list[float], geometry: Geometry, hz: float, orders: range
) -> tuple[float, float, int]:
    def mean(q: int) -> tuple[float, int]:
        values = []
        for k in range(1, int(HIGH_HZ / hz * q) + 2):
            at = k * hz / q
            bin_at = round(at / geometry.bin_hz)
            outside = not LOW_HZ <= at < HIGH_HZ or bin_at >= len(z)
            if outside or np.gcd(k, q) != 1:
                continue
            there = bin_at * geometry.bin_hz
            if all(abs(there - round(there / f) * f) > MP3_WIDTH_HZ for f in MP3_FRAME_HZ):
                values.append(z[bin_at])
        return (sum(values) / len(values) if values else 0.0), len(values)

    on, count = mean(1)
    if count < MIN_LINES:
        return 0.0, 0.0, 0
    return on, max(mean(q)[0] for q in orders), count


def test_a_plain_reading_of_the_definition_agrees(tracks: list[Observation]) -> None:
    lattice = standard_lattice()
    for item in (tracks[0], tracks[3], tracks[5]):
        scores = score_tracks(item.clock[None], np.array([item.groups]), item.geometry, lattice)
        heights = [_heights(row, item.geometry) for row in item.clock]
        for index in (0, 2, 9, 20, int(scores.best[0]), 60, 140):
            rate = lattice.rates[index]
            assert float(scores.all[0, index]) == pytest.approx(
                plain(heights, item.groups, item.geometry, rate), abs=1e-4
            )
