"""Machines that play by the clock: exact where they say so."""

import numpy as np
import pytest

from models.augmentation.synthetic_negatives import arranged, chip_music, converted, granular, hats
from models.synthesis.music import RATE_HZ, render


def test_strokes_are_the_same_to_the_sample() -> None:
    strokes = hats(np.random.default_rng(1), RATE_HZ, 4_410, 1_000)
    first, *others = strokes.reshape(10, 4_410)
    assert np.abs(first[:1_000]).max() > 0.5
    assert not first[1_000:].any()
    assert all(np.array_equal(first, other) for other in others)


def test_the_level_of_an_old_console_changes_only_on_frames() -> None:
    """At 50 Hz a frame is 882 samples; a pulse wave keeps its height within one."""
    music = chip_music(np.random.default_rng(1), 2.0, 50.0, every_frame=True)
    assert music.shape == (2, 2 * RATE_HZ)
    power = np.square(music[0]).reshape(-1, 882).mean(axis=1)
    assert len(np.unique(np.round(power, 4))) > 50  # of a hundred frames
    again = chip_music(np.random.default_rng(1), 2.0, 50.0, every_frame=False)
    assert not np.array_equal(music, again)


def test_the_cheapest_conversion_takes_old_samples_or_what_lies_between() -> None:
    ramp = np.arange(441, dtype=np.float32)[None]
    nearest = converted(ramp, 44_100, 48_000, joined=False)
    line = converted(ramp, 44_100, 48_000, joined=True)
    assert nearest.shape == line.shape == (1, 480)
    assert set(nearest[0]) <= set(ramp[0])
    at = np.arange(470) * 44_100 / 48_000
    assert line[0, :470] == pytest.approx(at, abs=1e-3)
    assert np.abs(nearest[0, :470] - at).max() == pytest.approx(0.5, abs=0.01)


def test_grains_change_the_sound_and_keep_its_length() -> None:
    piece = render(3, 2.0)
    grained = granular(np.random.default_rng(1), piece, 882)
    assert grained.shape == piece.shape
    inside = slice(882, -4 * 882)
    ratio = grained[:, inside].std() / piece[:, inside].std()
    assert ratio == pytest.approx(1, abs=0.4)
    assert not np.allclose(grained[:, inside], piece[:, inside], atol=0.05)


def test_a_sequencer_plays_on_the_grid() -> None:
    music = arranged(np.random.default_rng(1), 3.0, 120.0)
    assert music.shape == (2, 3 * RATE_HZ)
    assert np.abs(music).max() == pytest.approx(0.8, abs=1e-4)
