"""Files of two classes that differ, or do not, in how they were published."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from detector.audio.spectra import LTAS_BANDS
from detector.errors import BadInput
from detector.evidence.clock import Rate
from detector.observation.observation import Observation, Observer
from detector.types import AudioFacts
from models.learning.data import Track
from models.learning.observations import Observed
from models.training.confounds import LIMIT, figures_of, measure
from models.training.scoring import Population, Scored


@lru_cache
def nothing() -> Observation:
    observer = Observer(44_100)
    observer.feed(np.zeros(6 * 44_100, np.float32))
    return replace(observer.finish(), ltas=np.full((1, LTAS_BANDS), -40, np.float32))


def published(label: str, maker: int, take: int, kbit: float, score: float) -> Scored:
    name = f"{label} {maker}"
    facts = AudioFacts(
        "mp3", "mp3", 44_100, 2, 100.0 + 7 * ((maker + take) % 5), int(kbit * 1_000), -14.0, -1.0,
        0.0, 0,
    )  # fmt: skip
    track = Track(Path(f"{name}-{take}"), label, name, name, f"{label}{maker}{take}")
    return Scored(Observed(track, facts, nothing()), score, score, Rate(50.0, 0.0, ""), False, None)


def population(ai_kbit: tuple[float, ...], human_kbit: tuple[float, ...]) -> Population:
    """Six makers of each class, twenty tracks each; bit rates by turns."""
    rng = np.random.default_rng(4)
    return Population(
        "full_rate",
        tuple(
            published(label, maker, take, rates[take % len(rates)], score + rng.standard_normal())
            for label, rates, score in (("ai", ai_kbit, 6.0), ("human", human_kbit, 0.0))
            for maker in range(6)
            for take in range(20)
        ),
    )


def test_files_published_alike_tell_nothing() -> None:
    tracks = population((128, 192), (128, 192))
    measured = measure(tracks)
    assert measured.auroc < LIMIT
    assert not measured.confounded
    measured.check("full_rate")


def test_a_class_with_its_own_bit_rate_fails_a_release() -> None:
    tracks = population((64,), (256,))
    measured = measure(tracks)
    assert measured.delivered["bit rate"] == 1
    assert measured.strongest in ("bit rate", "all five")
    with pytest.raises(BadInput, match=r"confounds.*alone tells AI from human.*add recordings"):
        measured.check("full_rate")


def test_where_bit_rates_overlap_the_weights_cure_it_and_the_figures_are_weighed() -> None:
    rates = (64.0, 64.0, 64.0, 128.0), (128.0, 256.0, 256.0, 128.0)
    tracks = population(*rates)
    measured = measure(tracks)
    assert measured.confounded
    assert measured.cured
    measured.check("full_rate")
    overlapping = np.array([one.observed.facts.bit_rate == 128_000 for one in tracks.tracks])
    for side in (tracks.labels, ~tracks.labels):  # what counts is what both classes have
        assert measured.weights[side & overlapping].sum() > 0.5 * measured.weights[side].sum()
    figures = figures_of(tracks, measured)
    assert figures["strongest"] in ("bit rate", "all five")
    assert figures["weighed"]["auroc"] > 0.99
    assert figures["weighed"]["tpr_at_fpr"]["0.01"] > 0.9


def test_a_detector_that_only_knows_the_bit_rate_is_worth_nothing_when_weighed() -> None:
    tracks = population((64.0, 64.0, 64.0, 128.0), (128.0, 256.0, 256.0, 128.0))
    rule = Population(
        "full_rate",
        tuple(
            replace(one, score=-float(one.observed.facts.bit_rate or 0)) for one in tracks.tracks
        ),
    )
    figures = figures_of(rule, measure(rule))
    assert figures["auroc"] > 0.9
    assert figures["weighed"]["auroc"] < 0.75
