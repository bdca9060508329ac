"""What a platform's own page does for a rightsholder, by the token of the link."""

from collections.abc import Callable
from typing import Any

from tests.support.artists import link_to
from tests.support.console import Console
from tests.support.rightsholders import VOICE, Singer, imitation, singer_of

CHOICE = {
    **{"kind": "voice", "name": VOICE, "use": ["voice_replica", "train"]},
    **{"permission": "refuse", "proof": "I am Vera."},
}
NO_FILE: Any = {"file": ("", b"")}


def test_the_api_does_what_the_page_does(singer: Singer) -> None:
    imitation(singer.console.resources.ledger)
    program = singer.program()
    page = program.get("rightsholder", params={"lang": "de"}).json()
    assert (page["name"], page["things"][0]["kind_text"]) == ("Vera", "Stimme")
    missing = program.post("rightsholder/choices", data=CHOICE | {"proof": ""}, files=NO_FILE)
    assert (missing.status_code, missing.json()["code"]) == (422, "not_received")
    made = program.post("rightsholder/choices", data=CHOICE, files=NO_FILE)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["is_open"]) == ("draft", True)
    request = f"rightsholder/requests/{made.json()['request_id']}"
    assert program.post(f"{request}/confirm").json()["state"] == "waiting"
    assert program.post(f"{request}/confirm").json()["code"] == "no_such_request"
    assert program.post(f"{request}/withdraw").json()["state"] == "withdrawn"
    erasure = program.post("rightsholder/erasure", json={})
    assert (erasure.status_code, erasure.json()["kind"]) == (201, "erasure")
    assert program.get("rightsholder/export").content[:2] == b"PK"


def test_without_approval_a_choice_is_in_force_and_is_taken_back(
    opened: Callable[..., Console], url: str
) -> None:
    singer = singer_of(opened(url, link_key="k" * 40, rights_approval=False))
    program = singer.program()
    for path in ("rightsholder/choices", ""):
        if not path:
            own = [one for one in program.get("rightsholder").json()["choices"] if one["own"]]
            assert len(own) == 2, "an entry for each use"
            path = f"rightsholder/choices/{own[0]['entry_id']}/take-back"
        made = program.post(path, data=CHOICE, files=NO_FILE).json()
        done = program.post(f"rightsholder/requests/{made['request_id']}/confirm").json()
        assert done["state"] == "in_force"
    assert len(program.get("rightsholder").json()["choices"]) == 1


def test_a_link_is_of_one_kind_and_of_one_rightsholder(singer: Singer) -> None:
    program, other = singer.program(), singer_of(singer.console, "P-8", voice=("X",))
    own = {"rightsholder_id": singer.signed.link.rightsholder_id}
    assert program.get("rightsholder", params=own).status_code == 200
    foreign = {"rightsholder_id": other.signed.link.rightsholder_id}
    refused = program.get("rightsholder", params=foreign)
    assert (refused.status_code, refused.json()["code"]) == (404, "no_such_link")
    assert program.get("artist").status_code == 404
    artist = link_to(singer.console, imitation(singer.console.resources.ledger))
    program.headers["Authorization"] = f"Bearer {artist.token}"
    assert program.get("rightsholder").status_code == 404
    assert program.get("artist").status_code == 200
