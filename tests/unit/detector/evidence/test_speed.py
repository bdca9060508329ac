from functools import lru_cache

import numpy as np
import pytest
import torch
import torchaudio.functional
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.evidence import speed
from detector.evidence.clock import (
    CLIP,
    CONTRAST,
    CONTRAST_ORDERS,
    GUARD_CAP,
    GUARD_RATIO,
    allowed_bins,
    lattice_bins,
)
from detector.evidence.speed import SHORT_LIST_HZ, ScaledPulse, repeats, search
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.augmentation.synthetic_negatives import hats
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through

HUMAN_1_PERCENT = 5.2  # the score that about 1 % of human recordings exceed


def observe(samples: FloatArray, rate: int = RATE_HZ) -> Observation:
    observer = Observer(rate)
    observer.feed(samples)
    return observer.finish()


@lru_cache
def played() -> FloatArray:
    return render(21, 26.0)


def at_speed(samples: FloatArray, percent: int) -> FloatArray:
    """Play faster (100 + percent): as tape does, with the pitch."""
    wave = torch.from_numpy(np.ascontiguousarray(samples))
    resampled: FloatArray = torchaudio.functional.resample(wave, 100 + percent, 100).numpy()
    return resampled


@pytest.mark.parametrize(
    ("strides", "hz", "percent"),
    [
        ((8, 8, 8), 86.13, 3),
        ((8, 8, 8, 4), 21.53, -3),
        ((7, 7, 6, 3), 50.0, 5),
        ((7, 7, 6), 150, -7),
    ],
)
def test_a_changed_speed_is_found_at_its_scale(
    strides: tuple[int, ...], hz: float, percent: int
) -> None:
    painted = decode_through(played(), RATE_HZ, strides, seed=4).mean(axis=0)
    matches = search(observe(at_speed(painted, percent)))
    assert matches.score > HUMAN_1_PERCENT
    assert matches.heard_hz == pytest.approx(hz * (1 + percent / 100), rel=1e-3)
    assert matches.scale == pytest.approx(1 + percent / 100, abs=1e-3)
    assert f"altered by {percent:+d}.0%" in matches.sentence


def test_what_people_play_stays_below() -> None:
    for percent in (0, 3):
        assert search(observe(at_speed(played().mean(axis=0), percent))).score < 4


@pytest.mark.parametrize("mains", [100.0, 120.0])
def test_mains_buzz_is_no_altered_clock(mains: float) -> None:
    time = np.arange(26 * RATE_HZ)
    noise = 0.1 * np.random.default_rng(6).standard_normal(len(time))
    buzz = np.where((time * mains / RATE_HZ) % 1 < 0.02, 1.0, 0.02) * noise
    mixed = played().mean(axis=0) + buzz.astype(np.float32)
    assert search(observe(mixed)).score < HUMAN_1_PERCENT


def test_the_frames_of_aac_are_no_candidates() -> None:
    painted = decode_through(played(), RATE_HZ, (8, 8, 4, 4), seed=4).mean(axis=0)
    matches = search(observe(painted))  # 43.07 Hz, as it stands: the clock's own business
    assert abs(matches.heard_hz - 44_100 / 1_024) > 0.05


def test_without_high_bands_there_is_nothing_to_find() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 8_000 * 12).astype(np.float32)
    assert search(observe(noise, 8_000)).score == 0.0


def test_of_two_rates_with_the_same_lines_the_lesser_change_counts() -> None:
    assert ScaledPulse(6.0, 21.533203, 1.03).stands_where(ScaledPulse(6.0, 23.4375, 0.9463))
    assert not ScaledPulse(6.0, 21.533203, 1.03).stands_where(ScaledPulse(6.0, 21.533203, 1.04))


def test_all_orders_at_once_are_those_one_by_one() -> None:
    rng = np.random.default_rng(4)
    for rate in (RATE_HZ, 16_000, 96_000):
        geometry = Geometry(rate)
        z, allowed = rng.random(geometry.bins).astype(np.float32), allowed_bins(geometry)
        for hz in (19.4, 25.0 * 1.013, 86.2, 219.9):
            means, lines = speed._means(
                speed._allowed(z, geometry), geometry, hz, speed.EVERY_ORDER
            )
            bins = {q: lattice_bins(geometry, allowed, hz, q) for q in range(1, 25)}
            assert lines == len(bins[1])
            expected = {q: float(z[at].mean()) for q, at in bins.items() if len(at)}
            assert means == pytest.approx(expected, rel=1e-6)


def in_full(allowed: FloatArray, geometry: Geometry, hz: float) -> float:
    """S at one rate by the docstring of the clock, with all orders always."""
    means, lines = speed._means(allowed, geometry, hz, speed.EVERY_ORDER)
    on = means.get(1, 0.0)
    off = max(0.0, *(means.get(q, 0.0) for q in CONTRAST_ORDERS))
    score = float((on - CONTRAST * off) * lines**0.5)
    between = max((mean for q, mean in means.items() if q > 1), default=0.0)
    if score > GUARD_CAP and max(off, between) > GUARD_RATIO * on:
        score = GUARD_CAP
    return round(score, speed.DIGITS)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([1, 2, 12]))
def test_what_is_left_out_changes_no_answer(seed: int, height: float, order: int) -> None:
    """Of noise, of a clock at an altered speed, and of a loop, which has lines between, too."""
    rng = np.random.default_rng(seed)
    geometry = Geometry(RATE_HZ)
    z = rng.normal(0, 0.5, geometry.bins).clip(*CLIP).astype(np.float32)
    hz = float(rng.choice(SHORT_LIST_HZ) * rng.uniform(0.91, 1.09))
    z[lattice_bins(geometry, allowed_bins(geometry), hz / order, 1)] += np.float32(height)
    candidates = speed._candidates(z[None], geometry, SHORT_LIST_HZ)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            speed, "_fine", lambda allowed, geometry, hz, least: in_full(allowed, geometry, hz)
        )
        full = speed._best(z, geometry, candidates)
    assert speed._best(z, geometry, candidates) == full


def observed(samples: FloatArray) -> Observation:
    observer = Observer(RATE_HZ)
    observer.feed(np.ascontiguousarray(samples / np.abs(samples).max(), dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


def test_a_loop_is_known_at_any_scale() -> None:
    """16ths of 174 BPM: 11.6 Hz, and twice that is 1.0773 of a decoder's 21.53 Hz."""
    rng = np.random.default_rng(7)
    strokes = hats(rng, 20 * RATE_HZ, round(RATE_HZ * 60 / 174 / 4), 2_000)
    looped = observed(strokes)
    assert repeats(looped, 1.0773)
    assert not repeats(observed(render(3, 20.0).mean(axis=0)), 1.0773)
