"""The story of known tracks: decoded, recognised, decided; real audio, a real index."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from detector.types import FloatArray
from models.augmentation.effects import sped
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from streams.contract.records import Outcome, TrackDecided, TrackFingerprinted
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, Banks, By
from streams.known.index import Item, open_index
from streams.media.artefacts import ArtefactStore
from streams.media.decode_pool import DecodePool
from streams.media.fetch import Fetcher
from streams.media.kept_audio import KeptUploads
from streams.media.senders import FairSlots, Senders
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.content_decoding import ContentDecoder
from streams.stages.fingerprint import Fingerprinting
from tests.support.events import classified, match, received

BY = By("anna", "a test")
POLICY = load(Settings().policy)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same piece in several forms, and another one."""
    folder = tmp_path_factory.mktemp("music")
    piece, other = render(3, 34.0), render(4, 34.0)
    forms: dict[str, FloatArray] = {
        "piece.wav": piece,
        "same.flac": piece,
        "encoded.mp3": piece,
        "excerpt.flac": piece[:, 8 * RATE_HZ : 25 * RATE_HZ],
        "faster.flac": sped(piece, 4),
        "other.flac": other,
        "silence.flac": np.zeros((2, 20 * RATE_HZ), np.float32),
    }
    for name, wave in forms.items():
        write_audio(folder / name, wave, sample_rate_hz=RATE_HZ)
    return folder


@asynccontextmanager
async def fingerprinting(music: Path, state: Path) -> AsyncIterator[tuple[Fingerprinting, Banks]]:
    settings = Settings(
        file_roots=str(music), store=f"file://{state}/store", ledger=f"sqlite:///{state}/ledger.db",
        decode_workers=1,
    )  # fmt: skip
    spool = state / "spool"
    spool.mkdir()
    with (
        ThreadPoolExecutor(4) as threads,
        DecodePool(settings) as pool,
        open_index(settings.index_url) as index,
    ):
        banks = Banks(index)
        yield (
            Fingerprinting(
                Fetcher.from_settings(settings),
                ContentDecoder(ArtefactStore.open(settings.store), pool, FairSlots(1), threads, ""),
                banks, threads, spool, FairSlots(3), Senders(3, 60.0),
                KeptUploads.open(settings),
            ),
            banks,
        )  # fmt: skip


async def decoded_track(
    work: Fingerprinting, music: Path, *names: str, tracks: Sequence[str] = ()
) -> list[TrackFingerprinted]:
    """Send files at once, each as a track of its own."""
    events = [
        received(track, uri=(music / name).as_uri())
        for name, track in zip(names, tracks or names, strict=True)
    ]
    outputs = await asyncio.gather(*(work.handle(one) for one in events))
    return [one.record for (one,) in outputs if isinstance(one.record, TrackFingerprinted)]


def counted(how: str) -> float:
    return REGISTRY.get_sample_value("earmark_decodes_total", {"how": how}) or 0.0


def test_from_upload_to_match(music: Path, tmp_path: Path) -> None:
    async def story() -> None:
        async with fingerprinting(music, tmp_path) as (work, banks):
            decoded, reused = counted("decoded"), counted("reused")
            first, second = await decoded_track(
                work, music, "piece.wav", "piece.wav", tracks=("A", "B")
            )
            assert (counted("decoded") - decoded, counted("reused") - reused) == (1, 1)
            assert first.upload_id != second.upload_id
            assert first.content_sha256 == second.content_sha256
            assert first.observation == second.observation
            assert first.matches == second.matches == ()
            assert work.kept is not None
            audio = work.kept.reading(first.content_sha256)
            assert audio is not None
            with audio:
                assert audio.read() == (music / "piece.wav").read_bytes()

            # what was removed: by its content, from what the store kept
            banks.create(Bank(name="removed", kind=BankKind.STAY_DOWN, owner="T&S"), BY)
            kept = work.decoder.store.acoustics(first.content_sha256)
            assert kept is not None
            item = Item.of("removed", "A", first.content_sha256, kept.landmarks,
                           pcm_sha256=kept.pcm_sha256)  # fmt: skip
            banks.add("removed", [item], BY)
            names = ("piece.wav", "same.flac", "encoded.mp3", "excerpt.flac", "faster.flac")
            events = await decoded_track(work, music, *names)
            assert [[one.match_class for one in event.matches] for event in events] == [
                ["exact"], ["exact"], ["near_duplicate"], ["contained"], ["sped_up"],
            ]  # fmt: skip
            others = await decoded_track(work, music, "other.flac", "silence.flac")
            assert [event.matches for event in others] == [(), ()]
            (faster,) = events[4].matches
            assert faster.speed_ratio == pytest.approx(1.04, abs=0.002)
            # where a person listens to both: the excerpt begins at 8 s of the piece
            (excerpt,) = events[3].matches
            assert excerpt.start_s is not None
            assert excerpt.known_start_s == pytest.approx(8 + excerpt.start_s, abs=0.1)
            assert {event.matches[0].content_sha256 for event in events} == {first.content_sha256}
            assert (events[0].matches[0].start_s, events[0].matches[0].known_start_s) == (0, 0)

            # an earlier release kept no landmarks: decoded again, with the same result
            again = counted("decoded_again")
            path = work.decoder.store._path(first.content_sha256, "landmarks1")
            work.decoder.store.filesystem.rm(path)
            (repeated,) = await decoded_track(work, music, "piece.wav", tracks=("C",))
            assert counted("decoded_again") - again == 1
            assert repeated.observation == first.observation
            assert [one.match_class for one in repeated.matches] == ["exact"]
            assert list(work.decoder._locks) == []

    asyncio.run(story())


def decided(**more: object) -> TrackDecided:
    event = classified(Outcome.NO_TRACE, p_value=0.6).model_copy(update=more)
    return decide(event, POLICY).decided


def test_a_hit_on_the_stay_down_list_is_held_for_a_person() -> None:
    event = classified(Outcome.NO_TRACE, p_value=0.6).model_copy(update={"matches": (match(),)})
    records = decide(event, POLICY)
    decision, task = records.decided, records.requested
    assert decision.actions.availability == "hold"
    assert decision.actions.monetisation == "allow"
    assert task is not None
    assert (task.queue, task.reason_codes) == ("stay-down", ("R-STAY-DOWN",))
    assert decision.matches == (match(),), "with the evidence"
    assert decision.automation == "partially"


def test_other_matches_make_another_decision_and_none_the_one_before() -> None:
    without, hit = decided(), decided(matches=(match(),))
    assert (
        without.decision_id
        == decide(classified(Outcome.NO_TRACE, p_value=0.6), POLICY).decided.decision_id
    )
    assert hit.decision_id != without.decision_id
    assert hit.decision_id == decided(matches=(match(score=0.86),)).decision_id, "a hair's breadth"
    assert hit.decision_id != decided(matches=(match(item_id="T-9"),)).decision_id
    assert without.analysis == hit.analysis


def test_a_registered_output_is_labelled_by_the_registry_over_a_silent_detector() -> None:
    registered = match(
        bank="songmaker", bank_kind="registered_ai", match_class="exact", generator="Songmaker"
    )
    decision = decided(matches=(registered,))
    assert decision.label.source.value == "registry"
    assert (decision.label.extent.value, decision.label.certainty.value) == ("All", "confirmed")
    assert decision.label.generator == "Songmaker"
    assert decision.label.origin == "songmaker:T-0"
    assert decision.actions.display == "ai_badge"
    part = registered.model_copy(update={"match_class": "contained", "overlap_s": 40.0})
    assert decided(matches=(part,)).label.extent.value == "Partly"


def test_golden_and_catalogue_hits_decide_nothing() -> None:
    plain = decided()
    for kind in ("golden", "catalogue"):
        decision = decided(matches=(match(bank=kind, bank_kind=kind),))
        assert decision.actions == plain.actions
        assert decision.label.extent == plain.label.extent
        assert decision.review_task_id is None
    golden = decided(matches=(match(bank="g", bank_kind="golden", match_class="exact"),))
    assert golden.features["values"]["known.class"] == "none"
