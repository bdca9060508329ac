"""Classifying: content is scored once, and a shadow decides nothing."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from detector.errors import BadInput
from detector.observation.observation import VERSION
from detector.types import Rates
from streams.contract.records import (
    AudioFacts,
    Mark,
    MarkKind,
    Match,
    ModelRef,
    ObservationRef,
    Outcome,
    Provenance,
    TrackClassified,
    TrackFingerprinted,
    Upload,
)
from streams.media.artefacts import ArtefactStore
from streams.runtime import metrics
from streams.services.analyses import Analyses
from streams.services.scoring import Batcher, ShadowModel, compare
from streams.stages import classify as stage
from streams.stages.classify import Classifying
from tests.support.events import match
from tests.support.makers import silence
from tests.support.scoring import MODEL, RATE_HZ, counted, observation, put


def event(
    reference: ObservationRef,
    matches: tuple[Match, ...] = (),
    provenance: Provenance | None = None,
) -> TrackFingerprinted:
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
        provenance=provenance,
    )


async def classified(
    store: ArtefactStore,
    *references: ObservationRef,
    shadow: ShadowModel | None = None,
    matches: tuple[Match, ...] = (),
    provenance: Provenance | None = None,
) -> list[TrackClassified]:
    batcher = Batcher(MODEL, Rates(), 8, 0.0, shadow)
    scoring = asyncio.create_task(batcher.run())
    reference = ModelRef(name=MODEL.name, version=MODEL.version, digest=MODEL.digest)
    with ThreadPoolExecutor(2) as threads:
        work = Classifying(Analyses(reference, store, batcher, threads))
        outputs = [await work.handle(event(one, matches, provenance)) for one in references]
    scoring.cancel()
    records = [output.record for (output,) in outputs]
    assert all(isinstance(record, TrackClassified) for record in records)
    return [record for record in records if isinstance(record, TrackClassified)]


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


def test_the_answer_names_the_music_that_it_is_compared_with(store: ArtefactStore) -> None:
    (answered,) = asyncio.run(classified(store, put(store, observation(1).to_bytes())))
    assert answered.analysis.p_value is not None
    assert answered.analysis.compared_with == "full_rate/played"
    (silent,) = asyncio.run(classified(store, put(store, silence().to_bytes())))
    assert (silent.analysis.p_value, silent.analysis.compared_with) == (None, None)


def test_what_it_is_known_as_travels_on_and_is_not_reused(store: ArtefactStore) -> None:
    """New facts make a new event out of an old answer."""
    reference = put(store, observation(1).to_bytes())
    (first,) = asyncio.run(classified(store, reference))
    (hit,) = asyncio.run(classified(store, reference, matches=(match(),)))
    assert first.matches == ()
    assert hit.matches == (match(),)
    assert hit.analysis == first.analysis


def test_marks_are_counted_by_what_the_detector_answers(store: ArtefactStore) -> None:
    def count(generator: str, what: str = "marks") -> float:
        labels = {"generator": generator, "outcome": outcome, "model": MODEL.name}
        return REGISTRY.get_sample_value(f"earmark_{what}_total", labels) or 0.0

    reference = put(store, observation(1).to_bytes())
    (unmarked,) = asyncio.run(classified(store, reference))
    outcome = unmarked.analysis.outcome.value
    before = count("Suno"), count("Lyria"), count("Tonemaker"), count("Tonemaker", "watermarks")
    kinds: list[tuple[str, MarkKind]] = [
        ("Suno", "tag"),
        ("Suno", "c2pa"),
        ("Lyria", "c2pa"),
        ("Tonemaker", "watermark"),
    ]
    marks = tuple(
        Mark(generator=name, kind=kind, strength="strong", place="comment") for name, kind in kinds
    )
    asyncio.run(classified(store, reference, provenance=Provenance(marks=marks)))
    after = count("Suno"), count("Lyria"), count("Tonemaker"), count("Tonemaker", "watermarks")
    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 1, 0, 1]


def test_marks_of_any_name_make_no_series_without_end(
    store: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer of events, or a decode process in foreign hands, may name any generator."""
    names = [f"Generator {number}" for number in range(5_000)]
    marks = [Mark(generator=one, kind="tag", strength="strong", place="comment") for one in names]
    reference = put(store, observation(1).to_bytes())
    monkeypatch.setattr(stage, "GENERATORS", metrics.Names())
    asyncio.run(classified(store, reference, provenance=Provenance(marks=tuple(marks))))
    series = [
        sample.labels["generator"]
        for metric in metrics.MARKED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    ]
    assert metrics.OTHER in series
    assert len(set(series)) < 2 * metrics.MOST_NAMES


def test_the_same_event_gives_the_same_record(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    first, second = asyncio.run(classified(store, reference, reference))
    assert first.to_bytes() == second.to_bytes()
    assert first.analysis.outcome is Outcome.NO_TRACE
    assert first.analysis.model.digest == MODEL.digest


def test_an_observation_of_another_version_gets_no_score(store: ArtefactStore) -> None:
    reference = put(store, b"from the future", version=VERSION + 1)
    (record,) = asyncio.run(classified(store, reference))
    assert record.analysis.outcome is Outcome.NOT_ASSESSABLE
    assert record.analysis.reason == "observation_version"
    assert record.analysis.score is None


def test_an_unreadable_observation_is_a_dead_letter(store: ArtefactStore) -> None:
    reference = put(store, b"garbage")
    with pytest.raises(BadInput) as caught:
        asyncio.run(classified(store, reference))
    assert caught.value.reason == "observation_unreadable"


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
    assert output.analysis.outcome is Outcome.NO_TRACE
    assert output.shadow is not None
    assert output.shadow.outcome is Outcome.SUSPECTED
    assert counted("eager", "flips_to_ai") == 1
    (human,), (ai,) = (one.assess([observation(1)], Rates()) for one in (MODEL, eager))
    assert compare(ai, human) == "flips_from_ai"
    assert compare(human, replace(human, outcome="uncertain")) == "differs"


def test_a_shadow_that_fails_costs_no_answer(store: ArtefactStore) -> None:
    reference = put(store, observation(1).to_bytes())
    broken = replace(MODEL, name="broken", lattice=None)  # type: ignore[arg-type]  # that is the fault
    (output,) = asyncio.run(classified(store, reference, shadow=ShadowModel(broken, MODEL.name)))
    assert output.analysis.outcome is Outcome.NO_TRACE
    assert output.shadow is None
    assert counted("broken", "failed") == 1
