"""Rates get the names of the generators whose tracks run on them."""

from detector.evidence.clock import standard_lattice
from models.training.known_rates import with_known
from models.training.scoring import populations, score_all
from tests.support.makers import observed


def test_a_rate_is_known_for_the_generator_whose_tracks_were_found_on_it() -> None:
    recordings = [observed("ai", "maker", "org/m", take, clock_hz=50.0) for take in range(4)]
    recordings += [observed("ai", "quiet", "org/q", 50 + take) for take in range(4)]
    recordings += [observed("human", "band", f"org/{n}", 100 + n) for n in range(60)]
    lattice = with_known(standard_lattice(), populations(score_all(recordings, standard_lattice())))
    assert {rate.hz: rate.known_for for rate in lattice.rates if rate.known_for} == {
        50.0: ("maker",)
    }
