"""What is sent of what people name."""

import os
from pathlib import Path

from streams.ops.inputs import Skipped
from streams.ops.submit import uploads


def test_names_that_are_not_utf8_are_sent_and_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    for ending in ("wav", "txt"):
        (tmp_path / f"{name}.{ending}").write_bytes(b"x")
    manifest = tmp_path / "some.jsonl"
    lines = (b'{"track_id": "\xe9", "uri": "s3://b/1"}', b'{"track_id": "T-2", "uri": "s3://b/2"}')
    manifest.write_bytes(b"\n".join(lines))
    items = uploads([str(tmp_path / name), f"s3://bucket/{name}", str(tmp_path), str(manifest)], 10)
    sent, skipped = {}, []
    for item in items:
        if isinstance(item, Skipped):
            skipped.append((Path(item.path).name, item.reason))
        else:
            sent[Path(item[0]).name] = item[1].uri
    shown = "caf\\xe9"
    assert sent == {f"{shown}.wav": f"{tmp_path.as_uri()}/caf%E9.wav", "2": "s3://b/2"}
    assert skipped == [
        (shown, "missing_file"),
        (shown, "invalid_upload"),
        (f"{shown}.txt", "not_audio_name"),
        ("some.jsonl", "not_audio_name"),
        ("line 1", "invalid_json"),
    ]
