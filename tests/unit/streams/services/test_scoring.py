"""Scoring in batches: a batch changes no answer, a failure costs no other answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from detector.errors import Fatal, ModelError
from detector.observation.observation import Observation
from detector.types import Assessment, Rates
from streams.runtime.settings import Settings
from streams.services.scoring import Batcher, ShadowModel
from tests.support.scoring import MODEL, counted, observation


@dataclass
class CountingModel:
    """The released model, with a note of every batch."""

    batches: list[int] = field(default_factory=list)
    fault: Exception | None = None

    def assess(self, observations: Sequence[Observation], rates: Rates) -> list[Assessment]:
        self.batches.append(len(observations))
        if self.fault is not None:
            raise self.fault
        return MODEL.assess(observations, rates)


async def with_batcher(
    model: CountingModel, observations: list[Observation], *, size: int, cancel: int | None = None
) -> list[Any]:
    batcher = Batcher(model, Rates(), size, 0.05)  # type: ignore[arg-type]  # counts, then is the model
    scoring = asyncio.create_task(batcher.run())
    waiting = [asyncio.create_task(batcher.assess(one)) for one in observations]
    if cancel is not None:
        await asyncio.sleep(0)
        waiting[cancel].cancel()
    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    scoring.cancel()
    return [one if isinstance(one, BaseException) else one[0] for one in answers]


def test_what_waits_goes_together_and_company_changes_no_answer() -> None:
    observations = [observation(seed) for seed in range(5)]
    observations += [observation(9, rate_hz=48_000), observation(10, seconds=2.0)]
    model = CountingModel()
    answers = asyncio.run(with_batcher(model, observations, size=4))
    assert model.batches == [4, 3]
    alone = [MODEL.assess([one], Rates())[0] for one in observations]
    assert answers == alone
    assert alone[-1].reason == "too_short"


def test_a_cancelled_event_does_not_disturb_the_others() -> None:
    observations = [observation(seed) for seed in range(3)]
    answers = asyncio.run(with_batcher(CountingModel(), observations, size=8, cancel=1))
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2]] == MODEL.assess([observations[0], observations[2]], Rates())


def test_a_device_that_fails_stops_the_worker() -> None:
    model = CountingModel(fault=torch.AcceleratorError("device lost"))
    answers = asyncio.run(with_batcher(model, [observation(1)], size=8))
    assert isinstance(answers[0], Fatal)


@dataclass(frozen=True)
class Allergic:
    """The released model, but for a bug that one observation triggers."""

    cannot: Observation
    name: str = "allergic"
    version: str = "1"
    digest: str = "cd" * 32

    def assess(self, observations: Sequence[Observation], rates: Rates) -> list[Assessment]:
        if any(one is self.cannot for one in observations):
            raise IndexError("tuple index out of range")
        return MODEL.assess(observations, rates)


def test_one_bad_observation_fails_alone_and_scoring_goes_on() -> None:
    observations = [observation(seed) for seed in range(4)]
    model: Any = Allergic(observations[1])
    answers = asyncio.run(with_batcher(model, observations, size=3))  # two batches
    assert (
        type(answers[1]) is IndexError
    )  # a dead letter (streams.runtime.kafka.handling), not Fatal
    others = [0, 2, 3]
    expected = MODEL.assess([observations[index] for index in others], Rates())
    assert [answers[index] for index in others] == expected


def test_a_bad_observation_costs_the_others_no_answer_of_the_shadow() -> None:
    """Whether the released model fails at it or the candidate."""
    observations = [observation(seed) for seed in range(3)]
    allergic: Any = Allergic(observations[1])

    async def answers(model: Any, candidate: Any) -> list[Any]:
        batcher = Batcher(model, Rates(), 3, 0.05, ShadowModel(candidate, MODEL.name))
        scoring = asyncio.create_task(batcher.run())
        waiting = (batcher.assess(one) for one in observations)
        answer = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
        scoring.cancel()
        return answer

    bad_input = asyncio.run(answers(allergic, replace(MODEL, name="sturdy")))
    assert type(bad_input[1]) is IndexError
    assert None not in (bad_input[0][1], bad_input[2][1])
    assert (counted("sturdy", "agrees"), counted("sturdy", "failed")) == (2, 0)
    bad_shadow = asyncio.run(answers(MODEL, allergic))
    assert [beside is None for _, beside in bad_shadow] == [False, True, False]
    assert (counted("allergic", "agrees"), counted("allergic", "failed")) == (2, 1)


def test_a_shadow_must_support_the_alpha_too(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs at least 9999"):
        ShadowModel.load(Settings().model, "cpu", MODEL, Rates(0.0001))
    with pytest.raises(ModelError, match="is not a model folder"):
        ShadowModel.load(tmp_path, "cpu", MODEL, Rates())
