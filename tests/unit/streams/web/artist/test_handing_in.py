"""What guests hand in: appeals with files, answers, and what is wrong with them."""

from tests.support.artists import Artist
from tests.support.console import Console
from tests.unit.streams.web.artist.test_forms import FILE, ZIP, csrf_of, submit


def appeal_of(artist: Artist) -> str:
    (appeal,) = artist.program().get("artist/appeals").json()["appeals"]
    return str(appeal["appeal_id"])


def advance(console: Console, appeal_id: str, *states: str) -> None:
    lead = console.browser("lead")
    for sequence, state in enumerate(states):
        done = lead.submit(f"/appeals/{appeal_id}/step", state=state, sequence=sequence)
        assert done.status_code == 303, done.text


def test_an_appeal_with_a_file_is_handed_in_followed_and_answered(artist: Artist) -> None:
    client = artist.browser()
    sent = submit(artist, client, FILE, statement="<b>My</b> own.", part="vocals")
    assert (sent.status_code, sent.headers["location"]) == (303, f"{artist.path}#appeal")
    page = client.get(artist.path).text
    assert "We have your objection." in page
    assert "&lt;b&gt;My&lt;/b&gt; own." in page
    assert "song.zip" in page
    assert 'id="object"' not in page, "it is handed in"
    again = submit(artist, client)
    assert again.status_code == 422
    assert "There is nothing to object to" in again.text
    number = appeal_of(artist)
    advance(artist.console, number, "admissible", "in_review", "info_requested")
    assert "needs more from you" in client.get(artist.path).text
    path = f"{artist.path}/answer/{number}"
    empty = client.post(path, data={"csrf": csrf_of(artist)}, files={"file": ("", b"")})
    assert "Write something, or choose a file." in empty.text
    take = {"file": ("take.txt", b"takes: 7")}
    more = {"csrf": csrf_of(artist), "statement": "Here."}
    assert client.post(path, data=more, files=take).status_code == 303
    page = client.get(artist.path).text
    assert "A person is looking at your objection." in page
    assert "take.txt" in page


def test_only_those_who_decide_get_a_file_and_only_as_a_download(artist: Artist) -> None:
    submit(artist, artist.browser(), FILE)
    number, lead = appeal_of(artist), artist.console.browser("lead")
    page = lead.get(f"/appeals/{number}").text
    assert "song.zip" in page
    path = page.partition('href="/appeals/files/')[2].partition('"')[0]
    assert path.startswith("fil_")
    got = lead.get(f"/appeals/files/{path}")
    assert got.content == ZIP
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == f'attachment; filename="{path}.zip"'
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert artist.console.browser("reviewer").get(f"/appeals/files/{path}").status_code == 403
    assert "/appeals/files/" not in artist.console.browser("viewer").get(f"/appeals/{number}").text
    assert lead.get("/appeals/files/fil_none").status_code == 404


def test_a_fault_keeps_what_was_written_and_what_was_sent(artist: Artist) -> None:
    client = artist.browser()
    refused = submit(artist, client, FILE, grounds="because", statement="Seven takes & a piano")
    assert refused.status_code == 422
    assert "Say who you are, and what is wrong." in refused.text
    assert "Seven takes &amp; a piano" in refused.text
    assert "song.zip" in refused.text
    (file,) = artist.program().get("artist/appeals").json()["unsent_files"]
    wrong = submit(artist, client, {"file": ("run.exe", b"MZ")})
    assert "run.exe is of a kind that is not taken." in wrong.text
    path = f"{artist.path}/files/{file['file_id']}/remove"
    assert client.post(path, data={"csrf": "wrong"}).status_code == 403
    assert client.post(path, data={"csrf": csrf_of(artist)}).status_code == 303
    assert artist.program().get("artist/appeals").json()["unsent_files"] == []


def test_a_platform_hands_in_by_the_api(artist: Artist) -> None:
    program = artist.program()
    fields = {"party": "label", "grounds": "licensed", "statement": "We have a contract."}
    german = program.post("artist/appeals", params={"lang": "de"}, data=fields, files=FILE)
    assert german.status_code == 201, german.text
    (appeal,) = german.json()["appeals"]
    assert appeal["state_text"] == "Ihr Widerspruch ist da."
    assert [one["name"] for one in appeal["files"]] == ["song.zip"]
    again = program.post("artist/appeals", data=fields, files={"file": ("", b"")})
    assert (again.status_code, again.json()["code"]) == (422, "not_received")
    path = f"artist/appeals/{appeal['appeal_id']}"
    added = program.post(path, data={"statement": "And here."}, files={"file": ("", b"")})
    assert added.json()["appeals"][0]["statement"].endswith("And here.")
    other = program.post("artist/appeals/apl_x", data={"statement": "?"}, files={"file": ("", b"")})
    assert other.status_code == 422
