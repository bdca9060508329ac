"""Forms with a file, read as they come."""

import pytest
from starlette.testclient import TestClient

from streams.media.kept_audio import KeptUploads
from streams.web.api import multipart
from tests.support.console import Console
from tests.support.uploading import WAV, waiting


def form_of(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


def part(name: str, content: bytes, extra: bytes = b"") -> bytes:
    header = f'Content-Disposition: form-data; name="{name}"; filename="f"'.encode()
    return header + extra + b"\r\n\r\n" + content


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form_of(part("file", WAV), end=b""), 400),
        (form_of(part("file", WAV))[:200], 400),
        (b"no form at all", 400),
        (form_of(part("metadata", b"{}")), 422),
        (form_of(part("file", b"")), 422),
        (form_of(part("file", WAV), part("file", WAV)), 422),
        (form_of(part("file", WAV), part("surprise", b"1")), 422),
        (form_of(part("file", WAV), *[part("metadata", b"{}")] * 9), 422),
        (form_of(part("file", WAV), part("metadata", b'{"uri": "file:///etc/passwd"}')), 422),
        (form_of(part("file", WAV), part("metadata", b"[]")), 422),
        (form_of(part("file", WAV), part("metadata", b"x" * 300_000)), 413),
        (form_of(part("file", WAV, b"\r\nX: " + b"y" * 10_000)), 400),
    ],
)
def test_a_bad_form_leaves_nothing_behind(
    console: Console, program: TestClient, body: bytes, status: int
) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = program.post("uploads", content=body, headers=kind)
    assert answer.status_code == status, answer.text
    assert list(console.resources.uploads.spool.iterdir()) == []
    assert waiting(console) == []


def test_a_file_over_the_cap_is_refused_announced_or_not(
    console: Console, program: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = KeptUploads(
        console.resources.uploads.filesystem,
        console.resources.uploads.root,
        console.resources.uploads.spool,
        99,
    )
    monkeypatch.setattr(multipart, "OVERHEAD_BYTES", 50)
    object.__setattr__(console.resources, "uploads", small)
    body = form_of(part("file", WAV))
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    announced = program.post("uploads", content=body, headers=kind)
    streamed = program.post("uploads", content=iter([body[:500], body[500:]]), headers=kind)
    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert list(small.spool.iterdir()) == []
