"""Content is decoded once for all of its uploads: real processes, a real store."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from detector.errors import Fatal, InvalidAudio
from detector.watermarks.detectors import Watermarks
from streams.media import decode_pool, sandbox
from streams.media.artefacts import ArtefactStore
from streams.media.decode_pool import DecodePool
from streams.media.provenance import WATERMARK_FAILED, ProvenanceDecoder
from streams.media.senders import FairSlots
from streams.runtime.health import Health
from streams.runtime.settings import Settings
from streams.services.content_decoding import CONDITION, ContentDecoder, warm
from tests.support.audio import write_wav
from tests.support.gauges import value
from tests.support.watermarking import register

ONE, OTHER = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(Settings(decode_workers=2)) as running:
        yield running


@pytest.fixture
def decoder(pool: DecodePool, tmp_path: Path) -> Iterator[ContentDecoder]:
    with ThreadPoolExecutor(2) as threads:
        yield ContentDecoder(
            ArtefactStore.open(f"file://{tmp_path}/store"), pool, FairSlots(2), threads, "eu"
        )


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    wave = np.random.default_rng(1).normal(0, 0.1, (1, 44_100))
    write_wav(tmp_path / "noise.wav", wave.astype(np.float32))
    return tmp_path / "noise.wav"


def counted(how: str) -> float:
    return REGISTRY.get_sample_value("earmark_decodes_total", {"how": how}) or 0.0


def test_of_two_uploads_at_once_the_second_waits(decoder: ContentDecoder, noise: Path) -> None:
    async def both() -> None:
        first, second = await asyncio.gather(
            decoder.decode_and_store(noise, ONE, ""), decoder.decode_and_store(noise, ONE, "")
        )
        assert first == second
        assert first.facts.audio.duration_s == pytest.approx(1.0)

    before = counted("decoded"), counted("reused")
    asyncio.run(both())
    assert (counted("decoded"), counted("reused")) == (before[0] + 1, before[1] + 1)


def test_other_trust_anchors_are_asked_anew_and_the_facts_stay(
    decoder: ContentDecoder, noise: Path
) -> None:
    elsewhere = replace(decoder, trust="us")
    first = asyncio.run(decoder.decode_and_store(noise, ONE, ""))
    again = counted("decoded_again")
    assert asyncio.run(elsewhere.decode_and_store(noise, ONE, "")).facts == first.facts
    assert counted("decoded_again") == again + 1


def test_what_cannot_be_decoded_is_not_stored(decoder: ContentDecoder, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no audio at all")
    for _ in range(2):
        with pytest.raises(InvalidAudio):
            asyncio.run(decoder.decode_and_store(tmp_path / "text", OTHER, ""))
    assert decoder.store.find(OTHER) is None


def test_provenance_that_cannot_be_read_is_invalid(decoder: ContentDecoder, noise: Path) -> None:
    asyncio.run(decoder.decode_and_store(noise, ONE, ""))
    decoder.store.keep_file(f"provenance/eu/{ONE[:2]}/{ONE}.json", b"{broken")
    content = asyncio.run(decoder.decode_and_store(noise, ONE, ""))
    assert content.provenance is not None
    assert (content.provenance.state, content.provenance.codes) == ("invalid", ("unreadable",))


def test_a_watermark_detector_that_fails_is_counted(
    decoder: ContentDecoder, noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faults() -> float:
        labels = {"detector": "broken"}
        return REGISTRY.get_sample_value("earmark_watermark_faults_total", labels) or 0.0

    register(tmp_path, monkeypatch)
    wave = np.random.default_rng(1).normal(0, 0.1, (1, 30 * 8_000))
    write_wav(noise, wave.astype(np.float32), 8_000)
    before = faults()
    with DecodePool(
        Settings(decode_workers=1), ProvenanceDecoder(watermarks=Watermarks.load(("broken",)))
    ) as pool:
        content = asyncio.run(replace(decoder, pool=pool).decode_and_store(noise, ONE, ""))
    assert content.facts.audio.duration_s == pytest.approx(30.0)
    assert content.provenance is not None
    assert content.provenance.codes == (f"{WATERMARK_FAILED} broken: ValueError: 160000 samples",)
    assert faults() == before + 1


def test_a_process_is_ready_once_its_children_are(pool: DecodePool) -> None:
    health = Health(CONDITION)
    asyncio.run(warm(pool, health))
    assert health.missing == []
    assert health.failure is None
    missing = sandbox.missing(asyncio.run(pool.warm()))
    for layer in ("limits", "files", "network", "system_calls"):
        assert value("earmark_sandbox_layer", layer=layer) == (layer not in missing)


def test_children_that_do_not_start_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "serve", _no_start)
    health = Health(CONDITION)
    with DecodePool(Settings(decode_workers=1)) as slow:
        asyncio.run(warm(slow, health))
    assert isinstance(health.failure, Fatal)
    assert health.missing == [CONDITION]


def _no_start(*_: object) -> None:
    os._exit(7)
