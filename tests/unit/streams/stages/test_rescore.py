"""Rescoring: a stored observation, another model, and what follows from its answer."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from detector.errors import BadInput
from detector.observation.observation import VERSION
from streams.contract import topics
from streams.contract.output import Output
from streams.contract.records import ModelRef, TrackClassified, TrackFingerprinted
from streams.contract.records.rescoring import TrackRescored, TrackRescoring
from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.services.erasure import erase
from streams.stages.ledger import project
from streams.stages.rescore import ModelAway, OpenModels, Rescoring
from streams.store import rescores
from streams.store.database import Ledger
from tests.support.events import NEXT_MODEL, fingerprinted, message, rescoring
from tests.support.scoring import REFERENCE, observation, put


async def _no_others() -> None:
    pass


async def _held(content: tuple[str, str]) -> bool:
    return True


async def _handled(folder: Path, *events: dict[str, Any], version: int = VERSION) -> list[Output]:
    """Return what follows from requests about one stored observation."""
    store = ArtefactStore.open(f"file://{folder}")
    reference = put(store, observation(1).to_bytes(), version)
    outputs: list[Output] = []
    async with AsyncExitStack() as stack:
        models = OpenModels(Settings(store=f"file://{folder}", device="cpu"), stack)
        stage = Rescoring(_no_others, models.analyses_by, _held)
        for event in events:
            asked = {"model": REFERENCE, "observation": reference} | event
            outputs += await stage.handle(rescoring(**asked))
    return outputs


def handled(folder: Path, *events: dict[str, Any], version: int = VERSION) -> list[Output]:
    return asyncio.run(_handled(folder, *events, version=version))


def test_the_answer_replaces_an_analysis_under_an_id_of_its_own(tmp_path: Path) -> None:
    first, again, other = handled(tmp_path, {}, {}, {"replaces": "ana_2"})
    records = [one.record for one in (first, again, other)]
    assert {one.topic for one in (first, again, other)} == {topics.CLASSIFIED}
    assert all(isinstance(record, TrackClassified) for record in records)
    assert [getattr(record, "replaces", "") for record in records] == ["ana_1", "ana_1", "ana_2"]
    assert first.record.to_bytes() == again.record.to_bytes(), "a redelivery changes nothing"
    answers = [getattr(record, "analysis") for record in records]  # noqa: B009 - of a classified one
    assert answers[0].model == REFERENCE
    assert answers[0].analysis_id != answers[2].analysis_id
    assert answers[0] == answers[2].model_copy(update={"analysis_id": answers[0].analysis_id})
    assert first.record.to_bytes().count(b"matches") == 1, "what was recognised travels on"


def test_a_candidates_answer_goes_to_a_topic_that_nothing_decides_by(tmp_path: Path) -> None:
    (output,) = handled(tmp_path, {"replaces": None})
    assert output.topic == topics.RESCORED
    assert isinstance(output.record, TrackRescored)
    assert (output.record.track_id, output.record.analysis.model) == ("T-1", REFERENCE)


def test_an_observation_of_another_release_keeps_the_answer_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="submit the track again") as caught:
        handled(tmp_path, {}, version=VERSION + 1)
    assert caught.value.reason == "observation_version"


def test_a_track_waits_for_a_worker_with_its_model(tmp_path: Path) -> None:
    absent = ModelRef(name=REFERENCE.name, version=REFERENCE.version, digest=NEXT_MODEL.digest)
    with pytest.raises(ModelAway, match="neither EARMARK_MODEL nor EARMARK_SHADOW_MODEL"):
        handled(tmp_path, {"model": absent})


def decoded(store: ArtefactStore, track_id: str, content: str) -> TrackFingerprinted:
    """Store an observation where erasing finds it."""
    place = f"{store.root}/heard/v{VERSION}/{content[:2]}/{content}.obs"
    data = observation(1).to_bytes()
    store.filesystem.pipe_file(place, data)
    reference = put(store, data).model_copy(update={"uri": f"file://{place}"})
    known = {"content_sha256": content, "observation": reference}
    return fingerprinted(track_id).model_copy(update=known)


def test_nothing_follows_from_a_request_whose_track_was_erased(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Be it in time, of a content that another track shares, or while it is scored."""
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    contents = {"T-gone": "1", "T-shared": "2", "T-other": "2", "T-late": "3", "T-lost": "4"}
    events = [decoded(store, track, 64 * digit) for track, digit in contents.items()]
    project(ledger, [message(topics.FINGERPRINTED, one, at) for at, one in enumerate(events)])
    erase(ledger, store, ["T-gone", "T-shared"], who="test", really=True)
    late, lost_file = events[3].upload_id, events[4].observation.uri
    Path(lost_file.removeprefix("file://")).unlink()

    async def is_held(content: tuple[str, str]) -> bool:
        held = rescores.is_decoded(ledger, content)
        if content[0] == late and held:
            erase(ledger, store, ["T-late"], who="test", really=True)
        return held

    async def outputs(replaces: str | None) -> dict[str, Sequence[Output]]:
        async with AsyncExitStack() as stack:
            models = OpenModels(Settings(store=f"file://{tmp_path}/store", device="cpu"), stack)
            stage = Rescoring(_no_others, models.analyses_by, is_held)
            requests = [dict(one) | {"model": REFERENCE, "replaces": replaces} for one in events]
            *requested, lost = [TrackRescoring.model_validate(request) for request in requests]
            answers = {request.track_id: await stage.handle(request) for request in requested}
            with pytest.raises(BadInput):  # of a track that is there, it is a dead letter
                await stage.handle(lost)
            return answers

    for replaces in ("ana_1", None):
        answers = asyncio.run(outputs(replaces))
        assert {track for track, follows in answers.items() if follows} == {"T-other"}
    kept = [path for path in Path(store.root).glob("*/*/*/*") if path.is_file()]
    assert [path.stem for path in kept] == [64 * "2"]
    assert len(list(Path(store.root).glob("answers/*/*"))) == 1, "the other track's"
