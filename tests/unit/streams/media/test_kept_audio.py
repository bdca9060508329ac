"""Audio that is kept under its hash: whole, once, and within the limit."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from detector.errors import BadInput
from streams.media.kept_audio import Arriving, KeptUploads
from streams.runtime.settings import Settings

SOUND = b"RIFF, let us say"
SHA256 = hashlib.sha256(SOUND).hexdigest()


@pytest.fixture
def kept(tmp_path: Path) -> KeptUploads:
    return KeptUploads.open(Settings(store=f"file://{tmp_path}/store"))


def arrive(kept: KeptUploads) -> bool:
    with Arriving(kept) as arriving:
        arriving.write(SOUND[:4])
        arriving.write(SOUND[4:])
        whole = arriving.whole()
        assert (whole.sha256, whole.size, whole.uri) == (SHA256, len(SOUND), kept.uri(SHA256))
        return arriving.keep()


def test_a_file_is_kept_once_and_forgotten(kept: KeptUploads) -> None:
    assert kept.reading(SHA256) is None
    assert [arrive(kept), arrive(kept)] == [True, False]
    opened = kept.reading(SHA256)
    assert opened is not None
    with opened:
        assert opened.read() == SOUND
    kept.forget(SHA256)
    kept.forget(SHA256)
    assert not kept.has(SHA256)
    assert list(kept.spool.iterdir()) == []


def test_a_copy_is_the_same_file(kept: KeptUploads, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(SOUND)
    assert kept.keep_copy(file, SHA256)
    assert not kept.keep_copy(file, SHA256)
    assert not arrive(kept)
    assert file.read_bytes() == SOUND


def test_what_breaks_off_is_empty_or_too_large_leaves_nothing(kept: KeptUploads) -> None:
    with Arriving(kept) as arriving:
        arriving.write(SOUND)  # and it is never kept
    with pytest.raises(BadInput, match="no bytes"), Arriving(kept) as arriving:
        arriving.whole()
    small = replace(kept, max_bytes=len(SOUND) - 1)
    with pytest.raises(BadInput, match="at most"), Arriving(small) as arriving:
        arriving.write(SOUND)
    assert not kept.has(SHA256)
    assert list(kept.spool.iterdir()) == []
