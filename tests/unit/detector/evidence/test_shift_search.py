"""Lines that were moved as one: found at their factor, and hum and loops are not taken for them."""

from dataclasses import replace

import numpy as np
import pytest

from detector.audio.spectra import BIN_HZ
from detector.evidence.branch import BranchScores, Recording
from detector.evidence.branches.speed import SpeedFinding
from detector.evidence.clock import ClockFinding, standard_lattice
from detector.evidence.combination import search_all
from detector.evidence.shift_search import SHIFTS, STEP, factors, near, peaks
from detector.evidence.templates import BANDS, FULL_RATE, FixedLines, PitchFinding, TemplateSet
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.synthesis.music import RATE_HZ, render

LOW_RATE = "low_rate"
LENGTH = sum(high - low for low, high in BANDS)


def vector(hz: FloatArray | np.ndarray, seed: int = 1) -> FloatArray:
    """Noise with lines at some frequencies, as ``TemplateSet.unit`` leaves a recording."""
    whole = np.random.default_rng(seed).normal(0, 0.01, 5_951)
    whole[np.rint(np.asarray(hz) / BIN_HZ).astype(int)] += 0.3
    parts = np.concatenate([whole[low:high] for low, high in BANDS])
    parts = parts - parts.mean()
    return np.asarray(parts / np.linalg.norm(parts), np.float32)


def lines(seed: int) -> np.ndarray:
    """Lines that are no comb."""
    return np.random.default_rng(seed).uniform(1_100, 14_000, 90)


def template_set_of(vectors: FloatArray) -> TemplateSet:
    unit = np.ones(len(vectors), np.float32)
    names = tuple(f"decoder {index}" for index in range(len(vectors)))
    axes = np.zeros((1, LENGTH), np.float32)
    scales = [dict.fromkeys((FULL_RATE, LOW_RATE), unit * at) for at in (0, 0.1, 4, 1)]
    return TemplateSet(
        names, frozenset(names), np.zeros(LENGTH, np.float32), axes, vectors, *scales
    )


@pytest.fixture(scope="module")
def template_set() -> TemplateSet:
    return template_set_of(np.stack([vector(lines(seed), seed) for seed in (11, 12, 13)]))


def test_unmoved_it_is_the_ordinary_cosine(template_set: TemplateSet) -> None:
    decoded = vector(lines(12), seed=99)
    result = template_set.transposed(decoded)
    assert result.shape == (3, len(factors()))
    assert result[:, len(factors()) // 2] == pytest.approx(
        template_set.vectors @ decoded, abs=0.005
    )
    assert near(result, 1.0).argmax() == 1


@pytest.mark.parametrize("shift", [-SHIFTS, -700, -1, 0, 5, 999, SHIFTS])
def test_it_is_the_sum_over_a_logarithmic_axis(template_set: TemplateSet, shift: int) -> None:
    """As it is defined, point by point, at both ends of the range and between."""
    decoded = vector(lines(12), seed=99)
    total, offset = np.zeros(3), 0
    for low, high in BANDS:
        count = int(np.ceil(np.log((high - 1) / low) / STEP))
        at = low * np.exp(np.arange(count) * STEP)
        there = np.rint(low * np.exp((np.arange(count) + shift) * STEP)).astype(int)
        inside = (there >= low) & (there < high)
        part = template_set.vectors[:, offset : offset + high - low].astype(np.float64)
        taken = part[:, np.rint(at).astype(int).clip(max=high - 1) - low] * (at * STEP)
        total += taken[:, inside] @ decoded[offset : offset + high - low][there[inside] - low]
        offset += high - low
    assert template_set.transposed(decoded)[:, SHIFTS + shift] == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("factor", [0.92, 0.95, 0.97, 1.03, 2 ** (1 / 12), 1.09])
def test_moved_lines_are_found_at_their_factor(template_set: TemplateSet, factor: float) -> None:
    decoded = vector(lines(12) * factor, seed=99)
    find = template_set.find_moved(template_set.transposed(decoded), FULL_RATE)
    assert find.nearest == "decoder 1"
    assert find.factor == pytest.approx(factor, rel=2e-4)
    assert find.score > 10
    assert template_set.score_near(template_set.transposed(decoded), factor, FULL_RATE) > 5
    assert (
        template_set.scores(decoded, FULL_RATE).max() < 2
    )  # where they are looked for unmoved: nothing


def test_other_lines_and_unmoved_ones_are_not_found(template_set: TemplateSet) -> None:
    for seed in (21, 22, 23, 12):  # the last is known, but where it was
        find = template_set.find_moved(
            template_set.transposed(vector(lines(seed), seed=99)), FULL_RATE
        )
        assert find.score < 3, seed


def test_hum_is_not_taken_for_a_comb_that_was_moved() -> None:
    """60 Hz are 0.96 of 62.5, where a decoder has its comb."""
    template_set = template_set_of(vector(np.arange(1_250, 15_000, 62.5))[None])
    hum = template_set.find_moved(
        template_set.transposed(vector(np.arange(1_080, 15_000, 60.02), 5)), FULL_RATE
    )
    assert hum.score < 4
    moved = vector(np.arange(1_250, 15_000, 62.5) * 0.97, 5)
    assert template_set.find_moved(template_set.transposed(moved), FULL_RATE).score > 10


def test_a_peak_stands_out_of_the_other_factors_not_of_nothing() -> None:
    flat = np.zeros((2, len(factors())), np.float32)
    flat[1, 100] = flat[1, 200] = 0.02
    height, _ = peaks(flat)
    assert height[0] == 0
    assert 1 < height[1] < 3  # a thousandth of noise is no finding


def observed(samples: FloatArray) -> Observation:
    observer = Observer(RATE_HZ)
    observer.feed(np.ascontiguousarray(samples / np.abs(samples).max(), dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


def test_speed_and_pitch_both_compare_moved_templates(template_set: TemplateSet) -> None:
    music = observed(render(3, 26.0).mean(axis=0))
    moved = FixedLines(template_set, vector(lines(11) * 1.05), FULL_RATE)
    lattice = standard_lattice()
    clock = ClockFinding(0.1, lattice.rates[0])

    def searched(branches: tuple[str, ...], fixed: FixedLines | None) -> BranchScores:
        return search_all(Recording(music, lattice, clock, looped=False, lines=fixed), branches)

    both = searched(("speed", "pitch"), moved).findings
    pitch, speed = both["pitch"], both["speed"]
    assert isinstance(pitch, PitchFinding)
    assert pitch.nearest == "decoder 0"
    assert isinstance(speed, SpeedFinding)
    cosines = template_set.transposed(moved.units)
    heights = [template_set.score_near(cosines, scale, FULL_RATE) for scale in speed.pulse.scales]
    assert speed.lines == pytest.approx(max(heights), abs=1e-4)
    assert "pitch" not in searched((), moved).findings
    assert "pitch" not in searched(("speed",), moved).findings
    low = replace(moved, population=LOW_RATE)
    assert "pitch" not in searched(("speed", "pitch"), low).findings
    assert searched(("speed",), None).findings["speed"] == SpeedFinding(speed.pulse)
