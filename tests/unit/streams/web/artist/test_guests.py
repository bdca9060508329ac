"""Who is let in by a link, and who is not: one plain page for whatever is wrong."""

import pytest

from streams.services import erasure, signed_links
from streams.store import audit
from streams.web.artist.guests import COOKIE
from tests.support.artists import Artist, link_to
from tests.support.stories import tell

SORRY = "This link does not work, or not any more."


def audited(artist: Artist) -> list[str]:
    rows = audit.listed(artist.console.resources.ledger, "artist", None, 50).rows
    return [row["detail"] for row in rows]


def test_a_link_leads_to_an_address_without_the_link(artist: Artist) -> None:
    client = artist.stranger()
    opened = client.get(f"/artist/open/{artist.signed.token}")
    assert (opened.status_code, opened.headers["location"]) == (303, artist.path)
    cookie = opened.headers["set-cookie"]
    assert f"Path={artist.path};" in cookie
    assert "HttpOnly" in cookie
    shown = client.get(artist.path)
    assert shown.status_code == 200
    assert artist.signed.token.rpartition(".")[2] not in shown.text
    assert opened.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["referrer-policy"] == "same-origin", "else a form has no origin"
    for answer in (opened, shown):
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["cache-control"] == "no-store"


def test_whatever_is_wrong_with_a_link_gets_the_same_page(artist: Artist) -> None:
    ledger, store = artist.console.resources.ledger, artist.console.resources.store
    other, _ = tell(ledger, "T-2")
    foreign, revoked = link_to(artist.console, other), link_to(artist.console, artist.decided)
    signed_links.revoke(ledger, revoked.link.link_id, by="desk")
    changed = artist.signed.token.replace(artist.decided.decision_id, other.decision_id)
    client, pages = artist.stranger(), []
    for token in (changed, revoked.token, "x", "%00", "a" * 5_000, artist.signed.token + "x"):
        answer = client.get(f"/artist/open/{token}")
        assert answer.status_code == 404, token
        pages.append(answer.text)
    client.cookies.set(COOKIE, foreign.token)  # a valid link, on the page of another one
    answer = client.get(artist.path)
    assert answer.status_code == 404
    pages.append(answer.text)
    erasure.erase(ledger, store, ["T-2"], who="test", really=True)
    tell(ledger, "T-2")  # the same once more
    pages.append(client.get(f"/artist/open/{foreign.token}").text)
    assert len(set(pages)) == 1, "no page shows why"
    assert SORRY in pages[0]
    assert "noindex" in pages[0]
    assert answer.headers["referrer-policy"] == "no-referrer", "its address may be a link"
    reasons = " ".join(audited(artist))
    for reason in ("tampered", "revoked", "other_decision", "erased"):
        assert reason in reasons, reason


def test_without_its_cookie_a_page_shows_nothing(artist: Artist) -> None:
    for path in (artist.path, f"{artist.path}/audio", f"/artist/{artist.decided.decision_id}"):
        answer = artist.stranger().get(path)
        assert answer.status_code == 401
        assert SORRY in answer.text
    assert audited(artist) == [], "nothing was tried"


def test_a_program_sends_the_token_and_gets_problems(artist: Artist) -> None:
    program = artist.program()
    page = program.get("artist", params={"lang": "de"})
    assert page.json()["headline"] == "Diese Aufnahme ist als mit KI hergestellt gekennzeichnet"
    own = {"decision_id": artist.decided.decision_id}
    assert program.get("artist", params=own).json()["language"] == "en"
    other = program.get("artist", params={"decision_id": "dec_other"})
    assert (other.status_code, other.json()["code"]) == (404, "no_such_link")
    assert "other_decision" in audited(artist)[0]
    key = artist.console.program("admin").headers["Authorization"]
    assert program.get("artist", headers={"Authorization": key}).status_code == 404
    assert artist.program().get("tracks/T-1").status_code == 401, "a link is no key"
    del program.headers["Authorization"]
    assert program.get("artist").status_code == 401


def test_a_guest_who_asks_too_often_waits(artist: Artist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artist.console.inner.state.artist_limit, "_size", 2.0)
    client = artist.stranger()
    codes = [client.get("/artist/open/x").status_code for _ in range(3)]
    assert codes == [404, 404, 429]


def test_the_language_is_chosen_or_the_browsers(artist: Artist) -> None:
    client = artist.browser()
    assert "What follows" in client.get(artist.path).text
    german = client.get(artist.path, headers={"Accept-Language": "de-CH"})
    assert '<html lang="de">' in german.text
    assert "Was daraus folgt" in german.text
    assert client.get(f"{artist.path}?lang=de").status_code == 200
    assert '<html lang="de">' in client.get(artist.path).text, "it is remembered"
    assert '<html lang="de">' in client.get(f"{artist.path}?lang=../x").text
