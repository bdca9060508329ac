"""The desk of rightsholders, as a browser gets it."""

from streams.media.kept_audio import Arriving
from streams.services import appeal_files
from tests.support.rightsholders import Singer, waiting

PDF = b"%PDF-1.7 of mine"


def test_a_desk_adds_a_rightsholder_and_makes_and_revokes_a_link(singer: Singer) -> None:
    desk = singer.console.browser("policy")
    wrong = desk.submit("/rightsholders", party_id="P-9", name="N", recording="no ISRC")
    assert wrong.status_code == 422
    added = desk.submit("/rightsholders", party_id="P-9", name="Nora", voice="Nora N.\n\nNora\n")
    holder = added.headers["location"]
    page = desk.get(holder).text
    assert "Nora N." in page
    assert f'href="{holder}"' in desk.get("/rightsholders?search=nor").text
    assert f'href="{holder}"' not in desk.get("/rightsholders?search=%25").text
    made = desk.submit(f"{holder}/links").text
    assert "/artist/open/lnk_" in made
    link_id = made.partition("/artist/open/")[2].partition(".")[0]
    assert "/artist/open/" not in desk.get(holder).text, "shown once"
    assert desk.submit(f"{holder}/links/{link_id}/revoke").status_code == 303
    assert "revoked" in desk.get(holder).text
    assert desk.submit(f"{holder}/links/lnk_none/revoke").status_code == 422
    assert desk.get("/rightsholders/rho_none").status_code == 404
    assert desk.submit("/rightsholders/rho_none/links").status_code == 404


def test_a_request_is_refused_with_reasons_and_its_files_are_downloads(singer: Singer) -> None:
    resources = singer.console.resources
    with Arriving(resources.evidence) as arriving:
        arriving.write(PDF)
        file = appeal_files.take(
            resources.ledger, resources.settings, singer.signed.link, "contract.pdf", arriving
        )
    asked = waiting(resources.ledger, singer.signed.link)
    desk, path = singer.console.browser("policy"), f"/rights-requests/{asked.request_id}"
    assert f'href="{path}"' in desk.get("/rightsholders").text
    assert "contract.pdf" in desk.get(path).text
    got = desk.get(f"/rights-requests/files/{file.file_id}")
    assert (got.content, got.headers["content-type"]) == (PDF, "application/octet-stream")
    assert "attachment" in got.headers["content-disposition"]
    lead = singer.console.browser("lead")
    assert lead.get(f"/appeals/files/{file.file_id}").status_code == 404, "it is of no appeal"
    assert lead.get(f"/rights-requests/files/{file.file_id}").status_code == 403
    assert desk.submit(f"{path}/refuse", reasons=" ").status_code == 422
    assert desk.submit(f"{path}/refuse", reasons="We know no Vera.").status_code == 303
    late = desk.submit(f"{path}/approve")
    assert (late.status_code, "Something has just changed" in late.text) == (422, True)
    ended = desk.get("/rightsholders?show=ended").text
    assert asked.request_id in ended
    assert "We know no Vera." in singer.browser().get(singer.path).text
    assert desk.get("/rights-requests/rrq_none").status_code == 404
