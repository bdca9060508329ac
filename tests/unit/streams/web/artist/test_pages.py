"""The page of artists, as a browser gets it."""

import pytest
import structlog

from streams.media.kept_audio import Arriving
from streams.services import signed_links
from tests.support.artists import Artist, link_to
from tests.support.stories import hear, tell


def test_the_page_is_plain_and_its_own(artist: Artist) -> None:
    page = artist.browser().get(artist.path).text
    assert "This recording is marked as made with AI" in page
    assert "Listeners see a note that it was made with AI." in page
    assert "It stays online" in page
    for path in ("/static/", "/login", "/tracks", "/appeals"):
        assert f'"{path}' not in page, "what staff sees is elsewhere"


def test_the_recording_is_played_where_it_is_kept(artist: Artist) -> None:
    client = artist.browser()
    assert client.get(f"{artist.path}/audio").status_code == 410
    with Arriving(artist.console.resources.uploads) as arriving:
        arriving.write(b"RIFF" + bytes(range(200)))
        kept = arriving.whole()
        arriving.keep()
    hear(artist.console.resources.ledger, artist.decided, kept.sha256)
    part = client.get(f"{artist.path}/audio", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, bytes(range(4)))
    assert part.headers["referrer-policy"] == "same-origin"
    assert artist.program().get("artist/audio").content[:4] == b"RIFF"


def test_a_picture_that_cannot_be_drawn_is_no_crash(artist: Artist) -> None:
    assert artist.browser().get(f"{artist.path}/evidence.png").status_code in (422, 503)
    assert artist.program().get("artist/evidence.png").json()["code"] in ("no_picture", "try_again")


def test_a_title_is_no_markup_and_turns_nothing_round(artist: Artist) -> None:
    title = "<script>alert(1)</script>\u202egnp.exe"
    decided, _ = tell(artist.console.resources.ledger, "T-3", title=title, artists=["<b>"])
    artist.signed = link_to(artist.console, decided)
    page = artist.browser().get(artist.path)
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_a_failure_is_logged_without_the_link(
    artist: Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(signed_links, "open_link", broken)
    with structlog.testing.capture_logs() as logs:
        answer = artist.stranger().get(f"/artist/open/{artist.signed.token}")
    assert answer.status_code == 500
    assert [one["path"] for one in logs] == ["/artist/open/..."]
