"""How even music is: what a sequencer plays has another stratum than what a player does."""

from dataclasses import replace

import numpy as np
import pytest

from detector.calibration.strata import EDGES, evenness, stratum_of
from detector.evidence.clock import allowed_bins, lattice_bins
from tests.support.makers import GEOMETRY, silence


def with_lines(count: int) -> float:
    """Return the evenness of music that pulses at so many rates."""
    clock = np.zeros((3, GEOMETRY.bins), np.float32)
    allowed = allowed_bins(GEOMETRY)
    for hz in np.linspace(5.0, 9.0, count):
        clock[:, lattice_bins(GEOMETRY, allowed, float(hz), 1)] = 1.0
    return evenness(replace(silence(), clock=clock, groups=(True, True, True)))


def test_many_even_pulses_are_sequenced_and_none_is_played() -> None:
    assert stratum_of(with_lines(0)) == 0
    assert stratum_of(with_lines(1)) == 2
    assert with_lines(3) >= with_lines(1)


def test_a_decoders_clock_alone_makes_no_music_even() -> None:
    clock = np.zeros((3, GEOMETRY.bins), np.float32)
    clock[:, lattice_bins(GEOMETRY, allowed_bins(GEOMETRY), 50.0, 1)] = 3.0
    assert evenness(replace(silence(), clock=clock, groups=(True, True, True))) == 0


def test_without_a_high_band_nothing_is_even() -> None:
    assert evenness(replace(silence(), groups=(False, False, False))) == 0


@pytest.mark.parametrize(("even", "stratum"), [(0.0, 0), (EDGES[0], 1), (EDGES[1], 2), (9.0, 2)])
def test_an_edge_belongs_to_the_stratum_above(even: float, stratum: int) -> None:
    assert stratum_of(even) == stratum
