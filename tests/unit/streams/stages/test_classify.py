"""Scoring in batches: a batch changes no answer, a rebalance loses no other answer."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from prometheus_client import REGISTRY

from detector.assessment.model import Model
from detector.errors import Fatal, ModelError
from detector.observation.observation import VERSION, Observation, Observer
from detector.types import Assessment
from streams.contract.records import (
    AudioFacts,
    Match,
    ModelRef,
    ObservationRef,
    Outcome,
    TrackClassified,
    TrackFingerprinted,
    Upload,
)
from streams.media.artefacts import ArtefactStore, LostArtefact
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.scoring import Batcher, ShadowModel, compare
from streams.stages.classify import Classifying
from tests.support.events import match

RATE_HZ = 44_100
MODEL = Model.load(Settings().model)


def observation(seed: int, seconds: float = 13.0, rate_hz: int = RATE_HZ) -> Observation:
    observer = Observer(rate_hz)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(rate_hz * seconds))
    observer.feed(noise.astype(np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


@dataclass
class CountingModel:
    """The released model, with a note of every batch."""

    batches: list[int] = field(default_factory=list)
    fault: Exception | None = None

    def assess(self, observations: Sequence[Observation], alpha: float) -> list[Assessment]:
        self.batches.append(len(observations))
        if self.fault is not None:
            raise self.fault
        return MODEL.assess(observations, alpha)


async def with_batcher(
    model: CountingModel, observations: list[Observation], *, size: int, cancel: int | None = None
) -> list[Any]:
    batcher = Batcher(model, 0.01, size, 0.05)  # type: ignore[arg-type]  # counts, then is the model
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
    alone = [MODEL.assess([one], 0.01)[0] for one in observations]
    assert answers == alone
    assert alone[-1].reason == "too_short"


def test_a_cancelled_event_does_not_disturb_the_others() -> None:
    observations = [observation(seed) for seed in range(3)]
    answers = asyncio.run(with_batcher(CountingModel(), observations, size=8, cancel=1))
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [answers[0], answers[2]] == MODEL.assess([observations[0], observations[2]], 0.01)


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

    def assess(self, observations: Sequence[Observation], alpha: float) -> list[Assessment]:
        if any(one is self.cannot for one in observations):
            raise IndexError("tuple index out of range")
        return MODEL.assess(observations, alpha)


def test_one_bad_observation_fails_alone_and_scoring_goes_on() -> None:
    observations = [observation(seed) for seed in range(4)]
    model: Any = Allergic(observations[1])
    answers = asyncio.run(with_batcher(model, observations, size=3))  # two batches
    assert (
        type(answers[1]) is IndexError
    )  # a dead letter (streams.runtime.kafka.handling), not Fatal
    others = [0, 2, 3]
    expected = MODEL.assess([observations[index] for index in others], 0.01)
    assert [answers[index] for index in others] == expected


def event(reference: ObservationRef, matches: tuple[Match, ...] = ()) -> TrackFingerprinted:
    return TrackFingerprinted(
        upload_id="upl_1",
        upload=Upload(track_id="T-1", uri="file:///a.wav"),
        uploaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        content_sha256="ab" * 32,
        audio=AudioFacts(
            container="wav",
            codec="pcm_s16le",
            sample_rate_hz=RATE_HZ,
            channels=1,
            duration_s=13.0,
            silent_share=0.0,
        ),
        fingerprint=None,
        observation=reference,
        matches=matches,
    )


async def classified(
    store: ArtefactStore,
    *references: ObservationRef,
    shadow: ShadowModel | None = None,
    matches: tuple[Match, ...] = (),
) -> list[TrackClassified]:
    batcher = Batcher(MODEL, 0.01, 8, 0.0, shadow)
    scoring = asyncio.create_task(batcher.run())
    reference = ModelRef(name=MODEL.name, version=MODEL.version, digest=MODEL.digest)
    with ThreadPoolExecutor(2) as threads:
        work = Classifying(reference, 0.01, store, batcher, threads)
        outputs = [await work.handle(event(one, matches)) for one in references]
    scoring.cancel()
    records = [output.record for (output,) in outputs]
    assert all(isinstance(record, TrackClassified) for record in records)
    return [record for record in records if isinstance(record, TrackClassified)]


def put(store: ArtefactStore, data: bytes, version: int = VERSION) -> ObservationRef:
    digest = hashlib.sha256(data).hexdigest()
    path = f"{store.root}/{digest}.obs"
    store.filesystem.pipe_file(path, data)
    uri = store.filesystem.unstrip_protocol(path)
    return ObservationRef(uri=uri, version=version, sha256=digest)


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore.open(f"file://{tmp_path}")


def classifications(how: str) -> float:
    return REGISTRY.get_sample_value("earmark_classified_total", {"how": how}) or 0.0


def test_content_is_scored_once_and_the_first_answer_stands(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    scored, reused = classifications("scored"), classifications("reused")
    (first,) = asyncio.run(classified(store, reference))
    store.filesystem.rm(reference.uri)  # it is not even read again
    (again,) = asyncio.run(classified(store, reference))
    assert again == first
    assert (classifications("scored") - scored, classifications("reused") - reused) == (1, 1)
    (answer,) = (Path(store.root) / "answers").rglob("*.json")
    assert store.keep_answer(answer.stem, b"{}") == answer.read_bytes() != b"{}"


def test_an_answer_with_another_digit_is_made_anew(store: ArtefactStore) -> None:
    """It would still be a valid record."""
    reference = put(store, observation(1).to_bytes())
    (first,) = asyncio.run(classified(store, reference))
    (answer,) = (Path(store.root) / "answers").rglob("*.json")
    kept = answer.read_bytes()
    answer.write_bytes(kept.replace(b'"alpha":0.01', b'"alpha":0.02'))
    assert answer.read_bytes() != kept
    (again,) = asyncio.run(classified(store, reference))
    assert (again.analysis, answer.read_bytes()) == (first.analysis, kept)


def test_an_answer_of_an_earlier_release_is_read(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    (first,) = asyncio.run(classified(store, reference))
    (answer,) = (Path(store.root) / "answers").rglob("*.json")
    answer.write_bytes(answer.read_bytes().split(b"\n")[1])
    store.filesystem.rm(reference.uri)
    assert asyncio.run(classified(store, reference)) == [first]


def test_a_damaged_answer_is_made_anew(
    store: ArtefactStore,
) -> None:
    reference = put(store, observation(1).to_bytes())
    (first,) = asyncio.run(classified(store, reference))
    (answer,) = (Path(store.root) / "answers").rglob("*.json")
    answer.write_bytes(b"{")
    (again,) = asyncio.run(classified(store, reference))
    assert again == first
    assert answer.read_bytes() != b"{"


def test_what_it_is_known_as_travels_on_and_is_not_reused(store: ArtefactStore) -> None:
    """New facts make a new event out of an old answer."""
    reference = put(store, observation(1).to_bytes())
    (first,) = asyncio.run(classified(store, reference))
    (hit,) = asyncio.run(classified(store, reference, matches=(match(),)))
    assert first.matches == ()
    assert hit.matches == (match(),)
    assert hit.analysis == first.analysis


def test_the_same_event_gives_the_same_record(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    first, second = asyncio.run(classified(store, reference, reference))
    assert first.to_bytes() == second.to_bytes()
    assert first.analysis.outcome is Outcome.HUMAN_LIKELY
    assert first.analysis.model.digest == MODEL.digest


def test_an_observation_of_another_version_gets_no_score(store: ArtefactStore) -> None:
    reference = put(store, b"from the future", version=VERSION + 1)
    (record,) = asyncio.run(classified(store, reference))
    assert record.analysis.outcome is Outcome.NOT_ASSESSABLE
    assert record.analysis.reason == "observation_version"
    assert record.analysis.score is None


def test_an_unreadable_observation_is_a_dead_letter(store: ArtefactStore) -> None:
    reference = put(store, b"garbage")
    with pytest.raises(LostArtefact) as caught:
        asyncio.run(classified(store, reference))
    assert caught.value.reason == "observation_unreadable"


# --- a model in the shadow -----------------------------------------------------------------------


def counted(name: str, result: str) -> float:
    return float(metrics.SHADOW.labels(MODEL.name, name, result)._value.get())


def test_a_shadow_answers_beside_and_decides_nothing(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    candidate = replace(MODEL, name="candidate", digest="ab" * 32)
    (alone,) = asyncio.run(classified(store, reference))
    (beside,) = asyncio.run(classified(store, reference, shadow=ShadowModel(candidate, MODEL.name)))
    assert alone.shadow is None
    assert b"shadow" not in alone.to_bytes()
    assert beside.shadow is not None
    assert (beside.shadow.model.name, beside.shadow.model.digest) == ("candidate", "ab" * 32)
    assert beside.shadow.p_value == beside.analysis.p_value
    assert beside.model_copy(update={"shadow": None}).to_bytes() == alone.to_bytes()
    assert counted("candidate", "agrees") == 1


def test_a_flip_is_counted_by_its_direction(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    eager = replace(  # to it, every recording stands out
        MODEL,
        name="eager",
        calibrations={
            name: replace(one, humans=replace(one.humans, values=one.humans.values - 100))
            for name, one in MODEL.calibrations.items()
        },
    )
    (output,) = asyncio.run(classified(store, reference, shadow=ShadowModel(eager, MODEL.name)))
    assert output.analysis.outcome is Outcome.HUMAN_LIKELY
    assert output.shadow is not None
    assert output.shadow.outcome is Outcome.AI_LIKELY
    assert counted("eager", "flips_to_ai") == 1
    (human,), (ai,) = (one.assess([observation(1)], 0.01) for one in (MODEL, eager))
    assert compare(ai, human) == "flips_from_ai"
    assert compare(human, replace(human, outcome="uncertain")) == "differs"


def test_a_shadow_that_fails_costs_no_answer(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    broken = replace(MODEL, name="broken", lattice=None)  # type: ignore[arg-type]  # that is the fault
    (output,) = asyncio.run(classified(store, reference, shadow=ShadowModel(broken, MODEL.name)))
    assert output.analysis.outcome is Outcome.HUMAN_LIKELY
    assert output.shadow is None
    assert counted("broken", "failed") == 1


def test_a_bad_observation_costs_the_others_no_answer_of_the_shadow() -> None:
    """Whether the released model fails at it or the candidate."""
    observations = [observation(seed) for seed in range(3)]
    allergic: Any = Allergic(observations[1])

    async def answers(model: Any, candidate: Any) -> list[Any]:
        batcher = Batcher(model, 0.01, 3, 0.05, ShadowModel(candidate, MODEL.name))
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
        ShadowModel.load(Settings().model, "cpu", MODEL, 0.0001)
    with pytest.raises(ModelError, match="is not a model folder"):
        ShadowModel.load(tmp_path, "cpu", MODEL, 0.01)
