"""Which files a scan is about."""

import os
from io import BytesIO
from pathlib import Path

import fsspec
import orjson
import pytest

from detector.errors import BadInput
from streams.ops.inputs import Skipped
from streams.ops.scan.listing import Listed, listed
from streams.ops.scan.records import Listing
from streams.runtime.settings import Settings


def names(items: list[Listed]) -> list[str]:
    return [item.reason if isinstance(item, Skipped) else item[0].path for item in items]


def listings(items: list[Listed]) -> list[Listing]:
    return [item[0] for item in items if not isinstance(item, Skipped)]


def test_folders_manifests_and_standard_input(tmp_path: Path) -> None:
    inside = tmp_path / "Nova" / "Sky"
    inside.mkdir(parents=True)
    (inside / "one.flac").write_bytes(b"1")
    (inside / os.fsdecode(b"caf\xe9.mp3")).write_bytes(b"22")
    (inside / "cover.jpg").write_bytes(b"3")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nothing")
    upload = {
        "track_id": "T-1",
        "uri": "s3://bucket/Label%20A/one.flac",
        "sha256": "a" * 64,
        "artists": ["Nova"],
        "identifiers": {"upc": "123", "catalog": "x"},
        "distributor": "PADPIDA1",
        "isrc": "DEA123400001",
        "declared": {"contains_ai": "None"},
    }
    manifest = tmp_path / "catalogue.jsonl"
    manifest.write_bytes(orjson.dumps(upload) + b"\n{}\nnot json\n")
    (tmp_path / "empty").mkdir()
    items = list(
        listed(
            [str(tmp_path / "Nova"), str(manifest), "-", str(tmp_path / "empty")],
            Settings(),
            BytesIO(orjson.dumps(upload | {"track_id": "T-2"})),
        )
    )
    assert names(items) == [
        *(f"{inside}/caf\\xe9.mp3", "not_audio_name", f"{inside}/one.flac"),
        *(upload["uri"], "invalid_upload", "invalid_json", upload["uri"], "empty_folder"),
    ]
    cafe, _, first, second = listings(items)
    assert (cafe.local, cafe.folder, cafe.uri.endswith("/caf%E9.mp3")) == (True, "Sky", True)
    assert items[0][1] != items[2][1]  # type: ignore[index] # sizes and times
    assert (first.local, first.folder, first.release) == (False, "bucket/Label A", "123")
    assert (first.deliverer, first.isrc) == ("PADPIDA1", "DEA123400001")
    assert (first.artists, first.declared_ai, second.track_id) == (("Nova",), "None", "T-2")
    assert names(list(listed([str(tmp_path)], Settings(), BytesIO()))).count("missing_file") == 1


def test_a_bucket_lists_its_audio() -> None:
    settings = Settings(uri_schemes="file,memory,https")
    store = fsspec.filesystem("memory")
    for name in ("a/one.flac", "a/b/two.mp3", "a/b/notes.txt"):
        store.pipe(f"/scan-{os.getpid()}/{name}", name.encode())
    root = f"memory://scan-{os.getpid()}"
    items = list(listed([f"{root}/a"], settings, BytesIO()))
    files = [item.rpartition(f"scan-{os.getpid()}")[2] for item in names(items)]
    assert files == ["not_audio_name", "/a/b/two.mp3", "/a/one.flac"]
    store.rm(f"/scan-{os.getpid()}", recursive=True)
    assert names(list(listed([f"{root}/none"], settings, BytesIO()))) == ["empty_folder"]
    (page,) = listings(list(listed(["https://a.example/x/one.mp3"], settings, BytesIO())))
    assert (page.folder, page.local) == ("a.example/x", False)
    with pytest.raises(BadInput, match="EARMARK_URI_SCHEMES=file,s3"):
        list(listed(["s3://bucket/x"], Settings(), BytesIO()))
