"""Which decoder rates belong to which generators, by the tracks that were found on them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from detector.evidence.clock import Lattice
from models.training.metrics import conformal_p
from models.training.scoring import Population

KNOWN_TRACKS: Final = 3
KNOWN_SHARE: Final = 0.3
KNOWN_P: Final = 0.02


def with_known(lattice: Lattice, present: Sequence[Population]) -> Lattice:
    """Return the lattice with each rate's generators: those whose found tracks ran on it."""
    known: dict[float, Counter[str]] = defaultdict(Counter)
    for population in present:
        human = np.array([track.clock for track in population.side(ai=False).tracks])
        by_maker: dict[str, list[float]] = defaultdict(list)
        for track in population.side(ai=True).tracks:
            if conformal_p(np.array([track.clock]), human)[0] <= KNOWN_P:
                by_maker[track.maker].append(track.rate_hz)
        for maker, rates in by_maker.items():
            for hz, count in Counter(rates).items():
                if count >= KNOWN_TRACKS and count >= KNOWN_SHARE * len(rates):
                    known[hz][maker] += count
    return Lattice(
        tuple(
            replace(rate, known_for=tuple(maker for maker, _ in known[rate.hz].most_common()))
            for rate in lattice.rates
        )
    )
