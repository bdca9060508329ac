"""Fetching refuses what it must, and never blocks on it."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fsspec
import pytest
from fsspec.spec import AbstractFileSystem

from detector.errors import Fatal, SenderAway, Transient
from streams.media.fetch import YOUNG_S, Fetcher, RefusedUri, sweep
from streams.media.fetch import spool as own_folder
from streams.runtime.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def fetcher(root: Path, *, max_bytes: int = 1_000, schemes: str = "file") -> Fetcher:
    return Fetcher.from_settings(
        Settings(file_roots=str(root), fetch_max_bytes=max_bytes, uri_schemes=schemes)
    )


def refused(fetcher: Fetcher, uri: str, spool: Path, sha256: str | None = None) -> str:
    with pytest.raises(RefusedUri) as caught:
        fetcher.fetch(uri, sha256, spool)
    assert list(spool.iterdir()) == [], "a refused upload leaves nothing behind"
    return caught.value.reason


def test_copies_and_hashes(root: Path, spool: Path) -> None:
    file = root / "a b%é.wav"
    file.write_bytes(b"audio")
    expected = hashlib.sha256(b"audio").hexdigest()
    fetched = fetcher(root).fetch(file.as_uri(), expected, spool)
    assert (fetched.path.read_bytes(), fetched.sha256) == (b"audio", expected)


def test_a_name_that_is_not_utf8(root: Path, spool: Path) -> None:
    raw = os.fsencode(root) + b"/\xff\n.wav"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    assert fetcher(root).fetch(Path(os.fsdecode(raw)).as_uri(), None, spool).path.read_bytes()


def test_refuses_what_is_not_a_file_under_the_roots(root: Path, spool: Path) -> None:
    outside = root.parent / "outside.wav"
    outside.write_bytes(b"x")
    (root / "link.wav").symlink_to(outside)
    (root / "loop.wav").symlink_to(root / "loop.wav")
    os.mkfifo(root / "pipe.wav")
    fetch = fetcher(root)
    assert refused(fetch, outside.as_uri(), spool) == "refused_path"
    assert refused(fetch, (root / "link.wav").as_uri(), spool) == "refused_path"
    assert refused(fetch, (root / "loop.wav").as_uri(), spool) == "refused_path"
    assert refused(fetch, f"{root.as_uri()}/../outside.wav", spool) == "refused_path"
    assert refused(fetch, f"{root.as_uri()}/%2e%2e/outside.wav", spool) == "refused_path"
    assert refused(fetch, (root / "pipe.wav").as_uri(), spool) == "not_a_file"
    assert refused(fetch, root.as_uri(), spool) == "not_a_file"
    assert refused(fetch, (root / "none.wav").as_uri(), spool) == "missing_file"
    assert refused(fetch, "file:///dev/zero", spool) == "refused_path"
    assert refused(fetch, "file://elsewhere/etc/passwd", spool) == "refused_path"
    assert refused(fetch, "file:relative.wav", spool) == "refused_path"
    assert refused(fetch, "file:///a%00b", spool) == "refused_path"


def test_no_roots_means_no_local_files(root: Path, spool: Path) -> None:
    (root / "a.wav").write_bytes(b"x")
    none = Fetcher.from_settings(Settings(file_roots=""))
    assert refused(none, (root / "a.wav").as_uri(), spool) == "refused_path"


@pytest.mark.parametrize("uri", ["http://127.0.0.1/a", "ftp://x/a", "memory://a", "a.wav", ""])
def test_refuses_schemes_that_are_not_allowed(uri: str, root: Path, spool: Path) -> None:
    assert refused(fetcher(root), uri, spool) == "refused_scheme"


def test_refuses_more_bytes_than_allowed_before_copying(root: Path, spool: Path) -> None:
    sparse = root / "sparse.wav"
    with sparse.open("wb") as file:
        file.truncate(2 * 2**30)
    assert refused(fetcher(root), sparse.as_uri(), spool) == "too_large"


def test_refuses_another_content(root: Path, spool: Path) -> None:
    (root / "a.wav").write_bytes(b"x")
    assert refused(fetcher(root), (root / "a.wav").as_uri(), spool, "0" * 64) == "hash_mismatch"


def test_a_full_disk_is_tried_again(root: Path, spool: Path) -> None:
    (root / "a.wav").write_bytes(bytes(500))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(Transient, match="spool:"):
            fetcher(root).fetch((root / "a.wav").as_uri(), None, spool)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(spool.iterdir()) == []


def test_other_stores_come_through_fsspec(root: Path, spool: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/bucket/a.wav", b"remote")
    fetch = fetcher(root, schemes="file,memory")
    fetched = fetch.fetch("memory://bucket/a.wav", None, spool)
    assert fetched.path.read_bytes() == b"remote"
    fetched.path.unlink()
    assert refused(fetch, "memory://bucket/none.wav", spool) == "missing_file"
    store.pipe_file("/bucket/big.wav", b"x" * 2_000)
    assert refused(fetch, "memory://bucket/big.wav", spool) == "too_large"


class ForbiddenStore(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """A bucket that answers 403, as s3fs states it."""

    def _open(self, *_: object, **__: object) -> None:
        raise PermissionError("Forbidden")


def test_a_bucket_that_refuses_us_is_away_for_its_sender_alone(root: Path, spool: Path) -> None:
    fsspec.register_implementation("forbidden", ForbiddenStore, clobber=True)
    fetch = fetcher(root, schemes="file,forbidden")
    with pytest.raises(SenderAway, match="Forbidden"):
        fetch.fetch("forbidden://bucket/a.wav", None, spool)
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "sender"),
    [
        ("http://one@Music.Example:81/a.wav", "music.example"),
        ("s3://bucket/a.wav", "bucket"),
        ("memory:a.wav", "memory"),
        ("file:///a.wav", ""),
        ("http://[::1/a.wav", ""),
    ],
)
def test_the_sender_is_the_host_or_bucket(uri: str, sender: str, root: Path, spool: Path) -> None:
    assert fetcher(root).sender(uri) == sender
    if "[" in uri:
        assert refused(fetcher(root), uri, spool) == "refused_scheme"


def test_a_chain_of_stores_is_refused_and_none_is_kept(root: Path, spool: Path) -> None:
    fetch = fetcher(root, schemes="file,memory,ftp")
    stores = [fsspec.get_filesystem_class(scheme) for scheme in ("memory", "ftp", "file")]
    before = [len(store._cache) for store in stores]
    for number in range(5):
        uri = f"memory://x::file:///{number}"
        assert refused(fetch, uri, spool) == "refused_path"
        with pytest.raises(SenderAway):
            fetch.fetch(f"ftp://user{number}@127.0.0.1:9/a.wav", None, spool)
    assert [len(store._cache) for store in stores] == before
    (root / "a::b.wav").write_bytes(b"x")
    assert fetch.fetch((root / "a::b.wav").as_uri(), None, spool).path.read_bytes()


def test_a_scheme_without_its_package_is_said_at_start(root: Path) -> None:
    with pytest.raises(Fatal, match="EARMARK_URI_SCHEMES allows nosuchscheme"):
        fetcher(root, schemes="file,nosuchscheme")


HOLD = """
import time
from streams.media.fetch import spool
with spool() as folder:
    (folder / "upload.mp3").write_bytes(b"audio")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def age(folder: Path) -> None:
    then = time.time() - YOUNG_S - 1
    os.utime(folder, (then, then))


def test_an_ordinary_end_leaves_nothing(place: Path) -> None:
    with own_folder() as folder:
        (folder / "upload.mp3").write_bytes(b"audio")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(
    place: Path,
) -> None:
    def hold() -> tuple["subprocess.Popen[str]", Path]:
        process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    (killed, left), (living, held) = hold(), hold()
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        age(left)
        age(held)
        sweep()
        assert not left.exists()
        assert (held / "upload.mp3").exists()
    finally:
        living.kill()
        living.wait()


def test_a_folder_that_is_only_being_made_stays(place: Path) -> None:
    young = place / "earmark-spool-young"
    young.mkdir()
    sweep()
    assert young.exists()
