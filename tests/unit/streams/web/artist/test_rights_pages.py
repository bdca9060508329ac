"""The page of rightsholders, as a browser gets it: from the link to the desk and back."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.services import rightsholders
from streams.store import audit
from streams.web.artist.guests import COOKIE
from tests.support.artists import link_to
from tests.support.console import Console
from tests.support.rightsholders import Singer, imitation, singer_of
from tests.unit.streams.web.artist.test_guests import SORRY


def kept(singer: Singer) -> list[Path]:
    root = Path(singer.console.resources.evidence.root).parent
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_choice_is_shown_confirmed_and_approved(singer: Singer) -> None:
    imitation(singer.console.resources.ledger, title="Of another")
    client = singer.browser()
    page = client.get(singer.path)
    assert page.status_code == 200
    for text in ("Vera Voice", "Recordings here: 1. Held back: 1.", "Nothing is entered."):
        assert text in page.text, text
    assert "Of another" not in page.text
    wrong = singer.choose(client, proof="", use="generate")
    assert wrong.status_code == 422
    assert "Choose at least one use" in wrong.text
    drafted = singer.choose(client, ("contract.pdf", b"%PDF-1.7"), territories="de, at")
    assert drafted.status_code == 303, drafted.text
    confirm = drafted.headers["location"]
    shown = client.get(confirm).text
    texts = ("Refuse: Imitation of the voice", "Austria, Germany", "contract.pdf")
    for text in (*texts, "Decided otherwise: 1.", "A person checks it before it takes effect."):
        assert text in shown, text
    assert "Of another" not in shown
    assert client.post(confirm, data={"csrf": "wrong"}).status_code == 403
    assert client.post(confirm, data={"csrf": singer.csrf}).status_code == 303
    assert client.get(confirm).status_code == 303, "it is confirmed"
    again = client.post(confirm, data={"csrf": singer.csrf})
    assert (again.status_code, "There is no such request" in again.text) == (422, True)
    assert "We have it. A person looks at it" in client.get(singer.path).text
    request_id = confirm.rpartition("/")[2]
    desk = singer.console.browser("policy")
    looked = desk.get(f"/rights-requests/{request_id}").text
    for text in ("I am Vera.", "contract.pdf", "T-V", "Decided otherwise: 1."):
        assert text in looked, text
    assert desk.submit(f"/rights-requests/{request_id}/approve").status_code == 303
    page_text = client.get(singer.path, headers={"Accept-Language": "de"}).text
    for text in ("Es gilt.", "Abgelehnt", "Deutschland", "Zurücknehmen"):
        assert text in page_text, text
    entry_id = page_text.partition("/take-back/")[2].partition('"')[0]
    back = client.post(
        f"{singer.path}/take-back/{entry_id}",
        data={"csrf": singer.csrf, "proof": "I am Vera."},
        files={"file": ("", b"")},
    )
    assert "Take back what you chose" in client.get(back.headers["location"]).text


def test_nothing_of_others_is_reached(singer: Singer) -> None:
    console, ledger = singer.console, singer.console.resources.ledger
    other = singer_of(console, "P-8", voice=("Other Voice",))
    theirs = other.choose(other.browser(), thing="voice:Other Voice").headers["location"]
    request_id = theirs.rpartition("/")[2]
    client = singer.browser()
    assert singer.choose(client, thing="voice:Other Voice").status_code == 422
    looked = client.get(f"{singer.path}/confirm/{request_id}")
    assert looked.headers["location"].startswith(singer.path), "to their own page"
    for what in ("confirm", "withdraw"):
        answer = client.post(f"{singer.path}/{what}/{request_id}", data={"csrf": singer.csrf})
        assert answer.status_code == 422, what
    stranger = singer.stranger()
    assert stranger.get(singer.path).status_code == 401
    stranger.cookies.set(COOKIE, other.signed.token)  # a valid link, on the page of another
    artist = link_to(console, imitation(ledger))
    stranger_of_artists = singer.stranger()
    stranger_of_artists.cookies.set(COOKIE, artist.token)
    pages = []
    for guest in (stranger, stranger_of_artists):
        for path in ("", "/export", f"/confirm/{request_id}"):
            answer = guest.get(f"{singer.path}{path}")
            assert answer.status_code == 404, path
            pages.append(answer.text)
    stranger.cookies.set(COOKIE, singer.signed.token)
    assert stranger.get(f"/artist/{singer.signed.link.link_id}").status_code == 404
    assert len(set(pages)) == 1
    assert SORRY in pages[0]
    log = " ".join(row["detail"] for row in audit.listed(ledger, "artist", None, 50).rows)
    assert "other_rightsholder" in log
    assert "other_decision" in log


def test_the_export_and_the_erasure_are_asked_for_on_the_page(singer: Singer) -> None:
    console, client = singer.console, singer.browser()
    imitation(console.resources.ledger, title="Of another")
    singer.choose(client, ("contract.pdf", b"%PDF-1.7"))
    got = client.get(f"{singer.path}/export")
    assert (got.status_code, got.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(got.content)) as packed:
        assert len(packed.namelist()) == 2
        assert "Of another" not in packed.read("held.json").decode()
    assert not [path for path in kept(singer) if "tmp" in path.name], "nothing remains of it"
    asked = client.post(f"{singer.path}/erasure", data={"csrf": singer.csrf, "why": "My song too"})
    assert asked.status_code == 303
    desk = console.browser("policy")
    assert "Erase what is stored about you" in desk.get("/rightsholders").text
    holder = singer.signed.link.rightsholder_id
    assert desk.submit(f"/rightsholders/{holder}/erase").status_code == 303
    assert kept(singer) == []
    assert client.get(singer.path).status_code == 404
    singer_of(console)  # the same once more
    assert client.get(f"/artist/open/{singer.signed.token}").status_code == 404


def test_hostile_names_and_texts_are_no_markup(opened: Callable[..., Console], url: str) -> None:
    singer = singer_of(opened(url, link_key="k" * 40), voice=("<script>alert(1)</script>\u202e",))
    client = singer.browser()
    text: dict[str, Any] = {"thing": "voice:<script>alert(1)</script>\u202e"}
    drafted = singer.choose(client, proof="<img src=x>\u202e", **text)
    page = client.get(drafted.headers["location"]).text + client.get(singer.path).text
    for hostile in ("<script>alert", "<img src=x", "\u202e"):
        assert hostile not in page
    with singer.console.resources.ledger.reading() as connection:
        holder = rightsholders.find(connection, singer.signed.link.rightsholder_id)
    assert holder.named.voice == (text["thing"].removeprefix("voice:"),)


def test_a_file_can_be_removed_and_a_request_taken_back(singer: Singer) -> None:
    client = singer.browser()
    drafted = singer.choose(client, ("contract.pdf", b"%PDF-1.7"))
    page = client.get(singer.path).text
    file_id = page.partition("/files/")[2].partition("/")[0]
    removed = client.post(f"{singer.path}/files/{file_id}/remove", data={"csrf": singer.csrf})
    assert removed.status_code == 303
    assert kept(singer) == []
    request_id = drafted.headers["location"].rpartition("/")[2]
    form = {"csrf": singer.csrf}
    assert client.post(f"{singer.path}/withdraw/{request_id}", data=form).status_code == 303
    assert "You took it back." in client.get(singer.path).text
