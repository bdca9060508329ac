"""Rightsholders and their requests by HTTP, for a desk's own program."""

from tests.support.rightsholders import VOICE, Singer, link, waiting


def test_a_desk_registers_links_decides_and_erases(singer: Singer) -> None:
    ledger, program = singer.console.resources.ledger, singer.console.program("admin")
    new = {"party_id": "P-9", "name": "Nora", "named": {"voice": ["Nora N."]}}
    made = program.post("rightsholders", json=new)
    assert (made.status_code, made.json()["named"]["voice"]) == (201, ["Nora N."])
    holder = made.json()["rightsholder_id"]
    signed = program.post(f"rightsholders/{holder}/links", json={"days": 3}).json()
    assert signed["url"].endswith(f"/artist/open/{signed['token']}")
    guest = singer.program()
    guest.headers["Authorization"] = f"Bearer {signed['token']}"
    assert guest.get("rightsholder").json()["name"] == "Nora"
    assert program.delete(f"rightsholders/{holder}/links/{signed['link_id']}").status_code == 204
    assert guest.get("rightsholder").status_code == 404
    assert len(program.get("rightsholders").json()["items"]) == 2
    asked = waiting(ledger, singer.signed.link)
    (shown,) = program.get("rights-requests").json()["items"]
    assert (shown["request_id"], shown["choice"]["name"]) == (asked.request_id, VOICE)
    done = program.post(f"rights-requests/{asked.request_id}/approve").json()
    assert (done["state"], len(done["entries"])) == ("in_force", 1)
    again = program.post(f"rights-requests/{asked.request_id}/approve")
    assert (again.status_code, again.json()["code"]) == (422, "changed_meanwhile")
    other = waiting(ledger, link(ledger, "P-7"), permission="grant")
    why = {"reasons": "We know no Vera."}
    refused = program.post(f"rights-requests/{other.request_id}/refuse", json=why).json()
    assert (refused["state"], refused["reasons"]) == ("refused", why["reasons"])
    ended = program.get("rights-requests", params={"state": "refused"}).json()["items"]
    assert [one["request_id"] for one in ended] == [other.request_id]
    assert program.delete(f"rightsholders/{holder}").status_code == 204
    assert program.delete(f"rightsholders/{holder}").json()["code"] == "no_such_rightsholder"
    wrong = {"party_id": "P-9", "name": "N", "named": {"wildcard": ["x"]}}
    assert program.post("rightsholders", json=wrong).status_code == 422
