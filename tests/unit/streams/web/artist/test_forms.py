"""Forms with files: what is hostile ends the request, and nothing of it remains."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from streams.services import appeal_files
from streams.web.artist import forms
from streams.web.artist.guests import Guest
from tests.support.artists import Artist

ZIP = b"PK\x03\x04 a project"
FILE = {"file": ("song.zip", ZIP, "application/zip")}


def csrf_of(artist: Artist) -> str:
    request: Any = None
    signed, resources = artist.signed, artist.console.resources
    return Guest(signed.link, signed.token, "en", request, resources).csrf


def submit(artist: Artist, client: TestClient, files: object = None, **fields: Any) -> Any:
    data = {"csrf": csrf_of(artist), "party": "artist", "grounds": "not_ai", "statement": "Mine."}
    shown = {key: value for key, value in (data | fields).items() if value is not None}
    # an empty file makes it multipart; a browser sends one where none was chosen
    return client.post(f"{artist.path}/object", data=shown, files=files or {"file": ("", b"")})


def kept(artist: Artist) -> list[Path]:
    root = Path(artist.console.resources.evidence.root).parent
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("csrf", [None, "", "wrong"])
def test_without_the_token_of_the_page_nothing_is_done(artist: Artist, csrf: str | None) -> None:
    client = artist.browser()
    answer = submit(artist, client, FILE, csrf=csrf)
    assert answer.status_code == 403
    assert "too old" in answer.text
    assert kept(artist) == []
    assert submit(artist, client, csrf=csrf).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_another_site_does_nothing(artist: Artist, headers: dict[str, str]) -> None:
    client = artist.browser()
    client.headers.update(headers)
    for path in ("object", "answer/apl_1", "files/fil_1/remove"):
        answer = client.post(f"{artist.path}/{path}", data={"csrf": csrf_of(artist)})
        assert answer.status_code == 403, path


def test_a_form_that_is_too_much_or_broken_leaves_nothing(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = artist.browser()
    assert client.post(f"{artist.path}/object", json={}).status_code == 415
    head = {"content-type": "multipart/form-data; boundary=x"}
    broken = client.post(f"{artist.path}/object", content=b"--x\r\nno form", headers=head)
    assert broken.status_code == 400
    assert submit(artist, client, statement="x" * (forms.FIELD_BYTES + 1)).status_code == 413
    many = [("file", (f"{number}.zip", ZIP)) for number in range(appeal_files.MOST_FILES + 1)]
    assert submit(artist, client, many).status_code == 422
    fields = {f"field-{number}": "x" for number in range(forms.MOST_FIELDS)}
    assert submit(artist, client, **fields).status_code == 422
    small = artist.console.resources.evidence
    object.__setattr__(small, "max_bytes", 5)
    too_large = submit(artist, client, FILE)
    assert too_large.status_code == 413
    assert "A file may have" in too_large.text
    assert kept(artist) == []
