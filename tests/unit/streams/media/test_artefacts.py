"""The artefact store: whole or nothing, and the same for good."""

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from detector.errors import BadInput, Transient
from detector.types import AudioFacts, DecodedTrack, Fingerprint
from streams.media.artefacts import Acoustics, ArtefactStore

CONTENT = "ab" * 32
HEARD = DecodedTrack(
    AudioFacts("wav", "pcm_s16le", 44_100, 2, 12.5, None, None, -3.0, 0.0, 0),
    Fingerprint("chromaprint-2", "AQAA", 12.5),
    b"observation",
    "cd" * 32,
    b"landmarks",
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


def test_landmarks_are_kept_beside_it(store: ArtefactStore) -> None:
    assert store.acoustics(CONTENT) is None
    store.keep(CONTENT, HEARD)
    assert store.acoustics(CONTENT) == Acoustics("cd" * 32, b"landmarks")


def test_landmarks_are_added_to_what_an_earlier_release_heard(store: ArtefactStore) -> None:
    kept = store.keep(CONTENT, HEARD)
    store.filesystem.rm(store._path(CONTENT, "landmarks1"))
    assert store.acoustics(CONTENT) is None
    store.keep_acoustics(CONTENT, replace(HEARD, observation=b"of another release"))
    assert store.acoustics(CONTENT) == Acoustics("cd" * 32, b"landmarks")
    assert store.read(kept.observation) == b"observation", "what it heard stays"


def test_hearing_again_says_the_same(store: ArtefactStore) -> None:
    assert store.keep(CONTENT, HEARD) == store.keep(CONTENT, HEARD)


def test_gone_or_altered_is_a_dead_letter(store: ArtefactStore) -> None:
    kept = store.keep(CONTENT, HEARD)
    store.keep(CONTENT, replace(HEARD, observation=b"another"))
    with pytest.raises(BadInput) as caught:
        store.read(kept.observation)
    assert caught.value.reason == "observation_altered"
    store.filesystem.rm(kept.observation.uri)
    with pytest.raises(BadInput) as caught:
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


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let every write beyond ``size`` fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_what_was_there_and_no_rest(tmp_path: Path) -> None:
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    kept = store.keep(CONTENT, HEARD)
    before = {path.name for path in (tmp_path / "store").rglob("*")}
    larger = replace(HEARD, observation=b"x" * 100_000)
    with files_of_at_most(50_000), pytest.raises(Transient, match="artefact store"):
        store.keep(CONTENT, larger)
    assert store.read(kept.observation) == b"observation"
    assert {path.name for path in (tmp_path / "store").rglob("*")} == before


def test_nothing_goes_through_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another disk, from which a file cannot be renamed, only copied bit by bit."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    assert store.read(store.keep(CONTENT, HEARD).observation) == b"observation"
