"""Six made-up generators and four bands, with the figures of their evaluation."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.evidence.clock import Lattice, standard_lattice
from detector.types import FloatArray
from models.commands import RELEASED
from models.evaluation import evaluate, nested
from models.training.fusion import fuse
from models.training.scoring import Population, Scored, assessable, score_all
from models.training.template_fitting import Lines
from tests.support.makers import observed

# Fewer rates than are looked at in earnest: every measure here takes a time of each.
LATTICE = Lattice(
    tuple(
        rate for n, rate in enumerate(standard_lattice().rates) if rate.penalty == 0 or n % 6 == 0
    )
)


@lru_cache
def decoded() -> tuple[Scored, ...]:
    """Six generators: two with a clock, three with the lines of one decoder, one with both."""
    makers: list[tuple[str, float | None, int | None]] = [
        ("ticks", 50.0, None), ("ticks too", 43.06640625, None), ("lines", None, 11),
        ("same lines", None, 11), ("lines again", None, 11), ("both", 25.0, 11),
    ]  # fmt: skip
    tracks = [
        observed("ai", maker, f"org/{maker} {take % 2}", 10 * number + take,
                 clock_hz=clock_hz, first_line=line)
        for number, (maker, clock_hz, line) in enumerate(makers)
        for take in range(6)
    ]  # fmt: skip
    tracks += [
        observed("human", f"band {band}", f"org/band {band}", 200 + 40 * band + take)
        for band in range(4)
        for take in range(26)
    ]
    return tuple(fuse(score_all(tracks, LATTICE), lattice=LATTICE).scored)


@lru_cache
def model() -> Model:
    return Model.load(RELEASED)


def population() -> Population:
    return assessable(decoded(), "full_rate")


@lru_cache
def figures() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.evaluation.baselines.fakeprints", no_sound)
        return evaluate.subset_figures(decoded(), population(), model(), Path("unused"), 1)


def no_sound(tracks: list[object], name: str, cache: Path) -> FloatArray:
    return np.random.default_rng(1).random((len(tracks), 30)).astype(np.float32)


@lru_cache
def halved() -> list[dict[str, Any]]:
    return nested.nested(population(), LATTICE, (1,))


@lru_cache
def unseen() -> dict[str, Any]:
    lines = Lines.of([one.observed for one in decoded()])
    return nested.decoders_unseen(population(), lines, LATTICE)
