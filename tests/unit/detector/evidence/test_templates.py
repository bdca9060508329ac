from dataclasses import replace

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.audio.spectra import BIN_HZ
from detector.evidence.templates import Attribution, TemplateSet, residual, unit
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray, Rates
from models.synthesis.music import render
from tests.support.paths import MODELS

RELEASED = MODELS / "ensemble-5"
RATE = 44_100
LENGTH = 6_686
FIRST = 2_600  # bins of the band from 1 to 8 kHz


def observe(samples: FloatArray) -> Observation:
    observer = Observer(RATE)
    observer.feed(samples)
    return observer.finish()


def lined(every_hz: float, seed: int = 1) -> FloatArray:
    """Noise with faint fixed lines, as a decoder leaves them."""
    time = np.arange(20 * RATE) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time))
    tones = sum(np.sin(2 * np.pi * hz * time + hz) for hz in np.arange(every_hz, 16_000, every_hz))
    return (noise + 0.004 * tones).astype(np.float32)


@pytest.fixture(scope="module")
def decoded() -> list[Observation]:
    return [observe(lined(hz, seed)) for hz in (430.7, 750.0) for seed in (1, 2, 3, 4)]


def test_fixed_lines_stand_out_in_both_bands(decoded: list[Observation]) -> None:
    vector = residual(decoded[0])
    assert vector.shape == (LENGTH,)
    assert vector.dtype == np.float32
    assert vector.min() == 0
    assert vector.max() == 1
    for hz in 430.7 * np.arange(3, 37):
        for low, high in ((1_000, 8_000), (5_000, 16_000)):
            if low + 20 < hz < high - 20:
                at = round(hz / BIN_HZ) - round(low / BIN_HZ) + (FIRST if low == 5_000 else 0)
                assert vector[at - 1 : at + 2].max() == 1


def test_what_is_empty_does_not_count(decoded: list[Observation]) -> None:
    muffled = decoded[0].ltas + 30
    muffled[:, 40:] = -127.5  # nothing above 10 kHz
    vector = residual(replace(decoded[0], ltas=muffled))
    top = FIRST + round(10_000 / BIN_HZ) - round(5_000 / BIN_HZ)
    assert not vector[top + 10 :].any()
    assert vector[FIRST : top - 10].any()
    silence = observe(np.zeros(10 * RATE, np.float32))
    assert not residual(silence).any()
    assert not residual(observe(np.zeros(100, np.float32))).any()


def template_set_of(decoded: list[Observation]) -> TemplateSet:
    vectors = np.stack([residual(one) for one in decoded])
    mean = np.full(LENGTH, vectors.mean() / 2, np.float32)
    units = unit(vectors, mean)
    templates = np.stack([units[:3].mean(axis=0), units[4:7].mean(axis=0)])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    zero, tenth = np.zeros(2, np.float32), np.full(2, 0.1, np.float32)
    scale = ({"full_rate": zero}, {"full_rate": tenth})
    axes = np.zeros((1, LENGTH), np.float32)
    both = frozenset(("fine", "coarse"))
    return TemplateSet(("fine", "coarse"), both, mean, axes, templates, *scale)


def test_a_track_matches_its_own_generator(decoded: list[Observation]) -> None:
    template_set = template_set_of(decoded)
    fine, coarse = (
        template_set.scores(template_set.unit(residual(decoded[at])), "full_rate") for at in (3, 7)
    )
    assert fine.argmax() == 0
    assert coarse.argmax() == 1
    assert fine[0] > 3 * fine[1]
    noise = template_set.scores(
        template_set.unit(residual(observe(lined(1e9, seed=9)))), "full_rate"
    )
    assert fine[0] > 3 * noise.max()


def test_a_generator_is_named_only_where_it_is_clear(decoded: list[Observation]) -> None:
    template_set = template_set_of(decoded)
    rule = Attribution(min_score=4.0, min_margin=2.0, populations=("full_rate",))
    assert rule.name(template_set, np.array([5.0, 2.0]), "full_rate") == "fine"
    assert rule.name(template_set, np.array([5.0, 3.5]), "full_rate") is None  # two look alike
    assert rule.name(template_set, np.array([3.9, 0.0]), "full_rate") is None
    assert rule.name(template_set, np.array([9.0, 0.0]), "low_rate") is None


def test_the_released_bank_is_complete() -> None:
    model = Model.load(RELEASED)
    assert model.template_set is not None
    assert len(model.template_set.names) >= 20
    assert model.template_set.vectors.shape == (len(model.template_set.names), LENGTH)
    assert np.linalg.norm(model.template_set.vectors, axis=1) == pytest.approx(1, abs=0.01)
    assert set(model.template_set.spread) == {"full_rate", "low_rate"}
    assert all((spread > 0).all() for spread in model.template_set.spread.values())
    model.check_rates(Rates())


def test_both_kinds_of_evidence_are_given() -> None:
    model = Model.load(RELEASED)
    playing = observe(render(21, 26.0).mean(axis=0))
    (answer,) = model.assess([playing], Rates())
    assert answer.outcome == "no_trace"
    assert [one.kind for one in answer.evidence] == ["clock", "templates"]
    assert "match no known decoder" in answer.evidence[1].sentence
    assert answer.generator is None


def test_a_template_alone_says_nothing_about_where(decoded: list[Observation]) -> None:
    """A track that looks exactly like a known generator, without any clock (or any music)."""
    model = replace(Model.load(RELEASED), likeness=None)
    assert model.template_set is not None
    index = model.template_set.names.index("Suno")
    lines = unit(model.template_set.vectors[index], 0 * model.template_set.human_mean).clip(0)
    shares = decoded[0].shares * 0
    edges = [round(hz / BIN_HZ) for hz in (1_000, 5_000, 16_000)]
    shares[edges[0] : edges[1]] = 0.1 * lines[: edges[1] - edges[0]] / lines[:FIRST].max()
    shares[edges[1] : edges[2]] = 0.1 * lines[FIRST:] / lines[FIRST:].max()
    (answer,) = model.assess(
        [replace(decoded[0], shares=shares, clock=0 * decoded[0].clock)], Rates()
    )
    assert answer.evidence[1].score > 4
    assert (answer.outcome, answer.generator) == ("suspected", "Suno")
    assert (answer.extent, answer.coverage, answer.segments) == ("Unknown", None, ())
    assert "No decoder clock was found" in answer.evidence[0].sentence
    assert "match those of Suno" in answer.evidence[1].sentence
