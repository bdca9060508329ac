"""The artefact store: whole or nothing, and the same for good."""

from dataclasses import replace
from pathlib import Path

import pytest

from detector.errors import Transient
from detector.types import AudioFacts, Fingerprint, Heard
from streams.artefacts import ArtefactStore, LostArtefact

CONTENT = "ab" * 32
HEARD = Heard(
    AudioFacts("wav", "pcm_s16le", 44_100, 2, 12.5, None, None, -3.0, 0.0, 0),
    Fingerprint("chromaprint-2", "AQAA", 12.5),
    b"observation",
)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtefactStore:
    url = f"file://{tmp_path}/store" if request.param == "local" else f"memory://{tmp_path.name}"
    return ArtefactStore.open(url)


def test_what_is_kept_is_found_and_read(store: ArtefactStore) -> None:
    assert store.find(CONTENT) is None
    kept = store.keep(CONTENT, HEARD)
    assert store.find(CONTENT) == kept
    assert kept.audio.sample_rate_hz == 44_100
    assert store.read(kept.observation) == b"observation"


def test_hearing_again_says_the_same(store: ArtefactStore) -> None:
    assert store.keep(CONTENT, HEARD) == store.keep(CONTENT, HEARD)


def test_gone_or_altered_is_a_dead_letter(store: ArtefactStore) -> None:
    kept = store.keep(CONTENT, HEARD)
    store.keep(CONTENT, replace(HEARD, observation=b"another"))
    with pytest.raises(LostArtefact) as caught:
        store.read(kept.observation)
    assert caught.value.reason == "observation_altered"
    store.filesystem.rm(kept.observation.uri)
    with pytest.raises(LostArtefact) as caught:
        store.read(kept.observation)
    assert caught.value.reason == "observation_missing"


def test_a_half_written_record_is_not_found(store: ArtefactStore) -> None:
    kept = store.keep(CONTENT, HEARD)
    sidecar = kept.observation.uri.replace(".obs", ".json")
    store.filesystem.pipe_file(sidecar, b'{"audio": {')
    assert store.find(CONTENT) is None


def test_a_store_that_fails_is_transient(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = ArtefactStore.open(f"file://{tmp_path}/file")
    with pytest.raises(Transient):
        store.keep(CONTENT, HEARD)
