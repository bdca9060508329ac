"""Uploads from fields, files and manifests."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from streams.contract.records import Upload
from streams.services.upload_inputs import (
    RefusedUpload,
    read_manifest,
    upload_from_fields,
    upload_from_file,
)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"track_id": "T"}, "uri: Field required"),
        ({"track_id": "T", "uri": "file:///a", "declard": {}}, "declard: no such field"),
        (
            {"track_id": "T", "uri": "file:///a", "declared": {"contains_ia": "All"}},
            "declared.contains_ia: no such field",
        ),
        ({"track_id": "T", "uri": "file:///a", "isrc": 7}, "isrc: "),
    ],
)
def test_fields_are_checked(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(RefusedUpload) as caught:
        upload_from_fields(fields)
    assert caught.value.reason == "invalid_upload"
    assert text in caught.value.detail


def test_a_file_becomes_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a song.wav").write_bytes(b"audio")
    monkeypatch.chdir(tmp_path)
    delivery = upload_from_file("a song.wav", isrc="USRC17607839")
    assert delivery.uri == f"{tmp_path.resolve().as_uri()}/a%20song.wav"
    assert delivery.sha256 == hashlib.sha256(b"audio").hexdigest()
    assert (delivery.title, delivery.isrc) == ("a song", "USRC17607839")
    (tmp_path / "link.wav").symlink_to("a song.wav")
    assert upload_from_file(tmp_path / "link.wav").track_id == delivery.track_id
    assert upload_from_file(tmp_path / "a song.wav", track_id="mine").track_id == "mine"


def test_a_large_file_is_not_hashed(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.write_bytes(b"12345")
    assert upload_from_file(path, max_hash_bytes=4).sha256 is None
    assert upload_from_file(path, max_hash_bytes=5).sha256 is not None


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.wav", "no_such_file"), (".", "unreadable_file")]
)
def test_what_is_no_file(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(RefusedUpload) as caught:
        upload_from_file(tmp_path / name)
    assert caught.value.reason == reason


def test_a_name_with_a_nul_is_no_file() -> None:
    with pytest.raises(RefusedUpload):
        upload_from_file("a\0b.wav")


def test_a_manifest_gives_uploads_and_faults_by_line() -> None:
    lines: list[str | bytes] = [
        '\ufeff{"track_id": "T-1", "uri": "file:///a.wav", "artists": ["A"]}\n',
        "\n",
        b'{"track_id": "T-2", "uri": "file:///b.wav"}\r\n',
        '{"track_id": "T-3"\n',
        "[]\n",
        '{"track_id": "T-4"}\n',
        '{"track_id": "T-5", "uri": "file:///e.wav", "titel": "x"}',
        b"\xff\n",
        '{"track_id": "T-6", "uri": "file:///f.wav", "title": "\ud800"}',
    ]
    result = list(read_manifest(lines))
    assert [number for number, _ in result] == [1, 3, 4, 5, 6, 7, 8, 9]
    good = [item for _, item in result if isinstance(item, Upload)]
    assert [one.track_id for one in good] == ["T-1", "T-2"]
    faults = [item.reason for _, item in result if isinstance(item, RefusedUpload)]
    assert faults == [
        *("invalid_json", "invalid_json"),
        *("invalid_upload", "invalid_upload"),
        *("invalid_json", "invalid_json"),
    ]
