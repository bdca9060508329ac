"""The file of rates."""

from detector.evidence.clock import Lattice, Rate, standard_lattice
from detector.evidence.rates import read_rates, write_rates


def test_rates_survive_their_file() -> None:
    lattice = standard_lattice()
    assert read_rates(write_rates(lattice)) == lattice
    named = Lattice((Rate(43.5, 0.5, 'a "quoted" origin', ("Ümläut", "B")),))
    assert read_rates(write_rates(named)) == named
