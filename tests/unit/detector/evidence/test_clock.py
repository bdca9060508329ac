from functools import lru_cache

import numpy as np
import pytest

from detector.evidence.clock import (
    MP3_FRAME_HZ,
    ClockScores,
    Lattice,
    Rate,
    line_heights,
    score_segments,
    score_tracks,
    standard_lattice,
)
from detector.evidence.speed import search
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.synthesis.music import render
from models.synthesis.simulated_decoder import decode_through

RATE = 44_100
GEOMETRY = Geometry(RATE)
HUMAN_1_PERCENT = 2.7  # the score that 1 % of human recordings exceed
HUMAN_1_PERCENT_OF_SPEED = 5.1


def observe(samples: FloatArray) -> Observation:
    observer = Observer(RATE)
    observer.feed(samples)
    return observer.finish()


def score(*observed: Observation, lattice: Lattice | None = None) -> ClockScores:
    return score_tracks(
        np.stack([one.clock for one in observed]),
        np.array([one.groups for one in observed]),
        observed[0].geometry,
        lattice or standard_lattice(),
    )


@lru_cache
def played() -> FloatArray:
    return render(21, 26.0)


@lru_cache
def other_piece() -> FloatArray:
    return render(77, 26.0)


def noise(seed: int, seconds: float = 26.0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(int(seconds * RATE))).astype(np.float32)


def strokes(period: int, tail: int, seed: int) -> FloatArray:
    """The same short hiss every ``period`` samples, to the sample, as a sequencer does it."""
    hiss = noise(seed, 1.0)[:tail] * np.exp(-np.arange(tail) / (tail / 4))
    out = np.zeros(26 * RATE, np.float32)
    for start in range(0, len(out) - tail, period):
        out[start : start + tail] += hiss
    return out


@pytest.mark.parametrize(
    ("strides", "hz"),
    [
        ((8, 8, 8), 86.133),
        ((8, 8, 8, 4), 21.533),
        ((7, 7, 6, 3), 50.0),
        ((7, 7, 6), 150.0),
        ((7, 7, 6, 6), 25.0),
    ],
)
def test_a_simulated_decoder_is_found_at_its_rate(strides: tuple[int, ...], hz: float) -> None:
    painted = decode_through(played(), RATE, strides, seed=4).mean(axis=0)
    scores = score(observe(painted))
    assert scores.score.item() > 5
    best = standard_lattice().rates[int(scores.best.item())]
    assert best.hz == pytest.approx(hz, abs=0.01)


def test_a_decoder_of_a_rate_that_is_not_listed_is_not_found() -> None:
    painted = decode_through(played(), RATE, (11, 13, 4), seed=4).mean(axis=0)
    assert score(observe(painted)).score.item() < HUMAN_1_PERCENT
    listed = Lattice((*standard_lattice().rates, Rate(RATE / (11 * 13 * 4), 0.0, "measured")))
    assert score(observe(painted), lattice=listed).score.item() > 5  # one line in rates.toml


def test_noise_and_playing_have_no_clock() -> None:
    scores = score(*(observe(noise(seed)) for seed in range(4)), observe(played().mean(axis=0)))
    assert scores.score.max().item() < 1.5


@pytest.mark.parametrize("per_minute", [90, 120, 126, 128, 140, 174])
def test_sample_exact_loops_have_none(per_minute: int) -> None:
    period = round(RATE * 60 / per_minute / 4)  # sixteenths
    hats = strokes(period, 2_000, seed=2)
    mixed = played().mean(axis=0) + 0.5 * hats
    assert score(observe(mixed), observe(hats + 0.01 * noise(3))).score.max().item() < 2.4


@pytest.mark.parametrize("mains", [100.0, 120.0])
def test_buzzing_lamps_have_none(mains: float) -> None:
    time = np.arange(26 * RATE)
    phase = (time * mains / RATE) % 1
    buzz = np.where(phase < 0.02, 1.0, 0.0) * noise(6) + 0.02 * noise(7)
    assert score(observe((played().mean(axis=0) + buzz).astype(np.float32))).score.item() < 2.7


def test_without_the_guard_mains_would_win() -> None:
    """Lines at 100 Hz are every second line of 50 Hz; at 98 Hz, of 49 Hz."""
    guarded = score_lines(with_lines(100.0), Lattice((Rate(50.0, 0.0, ""),)))
    unguarded = score_lines(with_lines(98.0), Lattice((Rate(49.0, 0.0, ""),)))
    assert guarded.item() < 1.5
    assert unguarded.item() > 2.7


def with_lines(hz: float, seed: int = 1) -> FloatArray:
    """Sharpened spectra [1, 3, bins]: noise, and lines of 6 nepers at the multiples of hz."""
    lines = np.random.default_rng(seed).normal(-1, 0.6, (1, 3, GEOMETRY.bins)).astype(np.float32)
    at = np.rint(np.arange(1, int(1_599 / hz) + 1) * hz / GEOMETRY.bin_hz).astype(int)
    lines[..., at] += 6
    return lines


def score_lines(lines: FloatArray, lattice: Lattice | None = None) -> FloatArray:
    groups = np.ones((len(lines), 3), bool)
    return score_tracks(lines, groups, GEOMETRY, lattice or standard_lattice()).score


def test_a_finer_grid_is_no_clock() -> None:
    """Lines at every 10 Hz light 50 Hz as well, but also what lies between its multiples."""
    alone, fine = Lattice((Rate(50.0, 0.0, ""),)), with_lines(10.0)
    assert score_lines(with_lines(50.0), alone).item() > 5
    assert score_lines(fine, alone).item() <= 1


@pytest.mark.parametrize("frame_hz", MP3_FRAME_HZ)
def test_frame_rates_of_mp3_are_not_looked_at(frame_hz: float) -> None:
    alone = Lattice((Rate(frame_hz, 0.0, "MP3"),))
    assert score_lines(with_lines(frame_hz), alone).item() == 0
    assert score_lines(with_lines(frame_hz)).item() < 2.7
    assert score_lines(with_lines(frame_hz + 1), Lattice((Rate(frame_hz + 1, 0, ""),))).item() > 5


def test_batches_of_any_size_score_alike() -> None:
    tracks = np.concatenate(
        [with_lines(hz, seed) for seed, hz in enumerate((21.53, 50, 100, 77) * 4)]
    )
    groups = np.ones((16, 3), bool)
    groups[3, 2] = groups[5, 0] = groups[6, 1:] = False
    lattice = standard_lattice()
    together = score_tracks(tracks, groups, GEOMETRY, lattice)
    for index in range(16):
        alone = score_tracks(
            tracks[index : index + 1], groups[index : index + 1], GEOMETRY, lattice
        )
        assert alone.score.item() == pytest.approx(together.score[index].item(), abs=1e-4)
        assert alone.best.item() == together.best[index].item()


def test_bands_that_were_not_heard_do_not_count() -> None:
    lines = with_lines(50.0)
    lines[:, 1:] = 0
    everything, first = np.array([[True, True, True]]), np.array([[True, False, False]])
    lattice = standard_lattice()
    decoded_track = score_tracks(lines, first, GEOMETRY, lattice).score.item()
    assert decoded_track > 2 * score_tracks(lines, everything, GEOMETRY, lattice).score.item()
    nothing = score_tracks(lines, np.zeros((1, 3), bool), GEOMETRY, lattice)
    assert nothing.score.item() == 0


def test_segments_show_where_the_clock_runs() -> None:
    painted = decode_through(render(22, 60.0), RATE, (8, 8, 8), seed=4).mean(axis=0)
    spliced = np.concatenate((painted[: 30 * RATE], render(23, 36.0).mean(axis=0)))
    observed = observe(spliced)
    heights = score_segments(observed.timeline, RATE / 512, observed.geometry).tolist()
    assert min(heights[:3]) > 2
    assert max(heights[6:]) < 1


def test_line_heights_are_standardised_and_clipped() -> None:
    z = line_heights(with_lines(200.0)[0], GEOMETRY)
    assert z.max().item() == 4.0
    assert z.min().item() >= -1.5
    line = round(800 / GEOMETRY.bin_hz)
    assert (z[:, line] == 4).all()
    assert (z[:, line + 1] > 1).all()  # a line between two bins counts in both


def test_the_standard_lattice_is_what_its_docstring_says() -> None:
    rates = standard_lattice().rates
    assert len({rate.hz for rate in rates}) == len(rates)
    assert sum(rate.penalty == 0 for rate in rates) <= 31
    assert all(20 <= rate.hz <= 405 for rate in rates)
    assert {100.0, 120.0}.isdisjoint({rate.hz for rate in rates})


def moved(samples: FloatArray, hz: float, wave: str) -> FloatArray:
    """The level of everything is moved by a low-frequency oscillator, as effects do it."""
    phase = np.arange(len(samples)) * hz / RATE % 1
    level = {
        "square": np.where(phase < 0.5, 1.0, 0.3),
        "gate": np.where(phase < 0.25, 1.0, 0.1),
        "saw": 1 - 0.9 * phase,
        "sine": 0.525 + 0.475 * np.sin(2 * np.pi * phase),
    }[wave]
    return np.asarray(samples * level, np.float32)


@pytest.mark.parametrize("wave", ["square", "gate", "sine"])
@pytest.mark.parametrize("hz", [RATE / 2_048, 25.0, 50.0, RATE / 512, 150.0])
def test_a_moved_level_is_no_clock_whatever_its_rate(hz: float, wave: str) -> None:
    """On the lattice for the clock, and off it for the search of an altered speed."""
    mono = other_piece().mean(axis=0)
    assert score(observe(moved(mono, hz, wave))).score.item() < HUMAN_1_PERCENT
    off = observe(moved(mono, 1.043 * hz, wave))
    assert score(off).score.item() < HUMAN_1_PERCENT
    assert search(off).score < HUMAN_1_PERCENT_OF_SPEED


def test_a_moved_level_does_not_cover_a_decoder_at_another_rate() -> None:
    painted = decode_through(played(), RATE, (8, 8, 8), seed=4).mean(axis=0)
    scores = score(observe(moved(painted, 50.0, "square")))
    assert bool(scores.looped[0])
    assert scores.score.item() > HUMAN_1_PERCENT
    rate = standard_lattice().rates[int(scores.best[0])]
    assert rate.hz == pytest.approx(86.133, abs=1e-3)


def test_a_loop_does_not_cover_a_decoder_at_another_rate() -> None:
    """Strokes at 16ths of 126 BPM over a faint decoder: scored without the loop's lines."""
    painted = 0.4 * played() + 0.6 * decode_through(played(), RATE, (8, 8, 8), seed=4)
    loop = strokes(round(RATE * 60 / 126 / 4), 2_000, 7)
    for music, decoded in ((played(), False), (painted, True)):
        mono = music.mean(axis=0)
        scores = score(observe(mono + loop * mono.std() / loop.std()))
        assert bool(scores.looped[0])
        assert (float(scores.score[0]) > HUMAN_1_PERCENT + 1) == decoded
        if decoded:
            rate = standard_lattice().rates[int(scores.best[0])]
            assert rate.hz == pytest.approx(86.133, abs=1e-3)
