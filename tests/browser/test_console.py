"""The console as people use it: a real broker, all processes, a real browser."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from streams.runtime.processes import free_port
from tests.support.browsing import chromium, violations, watched
from tests.support.samples import samples

pytestmark = pytest.mark.pipeline

PATIENCE_S = 240  # a busy machine takes its time to start nine processes
SERIOUS = ("serious", "critical")
COLOURS = ("color-contrast", "link-in-text-block")  # the rules that depend on them
PASSWORD = "a long enough password"  # noqa: S105 - of a test


@dataclass
class Installation:
    """A running instance: its address, the newcomer's link, a folder of self-made tracks."""

    address: str
    link: str
    samples: Path

    def sample(self, part: str) -> Path:
        (file,) = self.samples.glob(f"*{part}*")
        return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def installation(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """``earmark up`` with the tracks that it makes itself, all of them ended."""
    state = tmp_path_factory.mktemp("installation")
    output = state / "output"
    samples(state / "samples")
    environment = {key: value for key, value in os.environ.items() if "EARMARK" not in key}
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "up", "--state", str(state)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment | {"COLUMNS": "300", "EARMARK_CONSOLE_PORT": str(free_port())},
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "still running" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        link = re.search(r"console +((\S+)/enter/\S+)", output.read_text())
        assert link is not None
        yield Installation(link[2], link[1], state / "samples")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


@pytest.fixture(scope="module")
def admin(installation: Installation, browser: Browser) -> Iterator[Page]:
    """The newcomer, who came in by the printed link."""
    page, complaints = watched(browser)
    page.goto(installation.link)
    page.wait_for_url("**/check")
    yield page
    assert complaints == []


def somebody(
    installation: Installation, browser: Browser, admin: Page, name: str, role: str
) -> Page:
    """Let the admin make an account; the new one comes in by its link."""
    admin.goto(f"{installation.address}/admin")
    form = admin.locator("form[action='/admin/users']")
    form.locator("[name=name]").fill(name)
    form.locator("[name=role]").select_option(role)
    form.get_by_role("button", name="Add").click()
    link = admin.locator(".secret").inner_text()
    page, _ = watched(browser)
    page.goto(link)
    page.wait_for_url(re.compile(r"/me\?new=1$"))
    return page


def plays(page: Page) -> bool:
    """Whether the audio really plays: its time moves on."""
    audio = page.locator("audio")
    before = audio.evaluate("a => a.currentTime")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if audio.evaluate("a => a.currentTime") > before + 0.3:
            return True
        page.wait_for_timeout(100)
    return False


def again(page: Page, address: str, text: str) -> None:
    """Look at a page until its facts say something: an event goes through the topics first."""
    deadline = time.monotonic() + 90
    while True:
        page.goto(address)
        shown = page.locator(".facts, .done.small").all_inner_texts()
        if any(text in one for one in shown):
            return
        assert time.monotonic() < deadline, (address, text, shown)
        page.wait_for_timeout(500)


def test_a_newcomer_checks_a_file(installation: Installation, admin: Page) -> None:
    admin.goto(installation.address)
    admin.locator("#file").set_input_files(installation.sample("northern-line"))
    admin.wait_for_url(re.compile("/check/upl_"))
    expect(admin.locator(".headline")).to_have_text("Identified as AI", timeout=30_000)
    expect(admin.locator(".facts")).to_contain_text("Identified")
    admin.locator(".wave svg").click(position={"x": 200, "y": 30})
    assert plays(admin)
    picture = admin.locator(".picture img")
    picture.scroll_into_view_if_needed()
    deadline = time.monotonic() + 60
    while not picture.evaluate("i => i.complete && i.naturalWidth > 0"):
        assert time.monotonic() < deadline, "the evidence was not drawn"
        admin.wait_for_timeout(200)


def test_what_is_no_audio_is_said_so(installation: Installation, admin: Page) -> None:
    admin.goto(f"{installation.address}/check")
    notes = {"name": "notes.mp3", "mimeType": "audio/mpeg", "buffer": b"no audio at all" * 99}
    admin.locator("#file").set_input_files(notes)  # type: ignore[arg-type] # a file payload
    expect(admin.locator(".headline")).to_have_text(
        "This file could not be processed", timeout=30_000
    )


def test_two_race_one_wins_listens_decides_and_undoes(
    installation: Installation, browser: Browser, admin: Page
) -> None:
    rita = somebody(installation, browser, admin, "Rita", "reviewer")
    ravi = somebody(installation, browser, admin, "Ravi", "reviewer")
    for page in (rita, ravi):
        page.goto(f"{installation.address}/queue")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/tasks/tsk_*")
        expect(page.locator("#take")).to_be_visible()
    rita.keyboard.press("t")
    expect(rita.locator("#verdict")).to_be_visible()
    ravi.locator("#take").click()
    expect(ravi.get_by_role("alert")).to_contain_text("another reviewer is working on it")

    rita.locator(".wave rect[data-start]").nth(1).click()
    assert plays(rita)
    assert rita.locator("audio").evaluate("a => a.currentTime") > 3

    rita.keyboard.press("Control+Enter")  # without a finding the browser does not send it
    expect(rita.locator("#verdict")).to_be_visible()
    rita.keyboard.press("3")
    rita.get_by_label("a human performance is audible").check()
    rita.get_by_label("Note for colleagues").fill("<img src=x onerror=alert(1)> is no markup")
    rita.keyboard.press("Control+Enter")
    expect(rita.get_by_role("status")).to_have_text("Verdict saved.")
    expect(rita.locator("blockquote")).to_have_text("<img src=x onerror=alert(1)> is no markup")
    task = rita.url.partition("?")[0]
    again(rita, task, "The track was decided again under this verdict: No AI.")
    track = installation.address + str(
        rita.get_by_role("link", name="The whole story").get_attribute("href")
    )
    again(rita, track, "a reviewer")
    rita.goto(task)
    rita.keyboard.press("u")
    expect(rita.get_by_role("status")).to_contain_text("Undone")
    expect(rita.locator("#verdict")).to_be_visible()
    again(rita, track, "our analysis")  # the loop once more: without the verdict, decided as before
    rita.goto(task)  # or to the task that took its place, which is hers as well
    rita.get_by_role("button", name="Put it back").click()
    rita.wait_for_url("**/queue")


def test_a_password_is_set_and_lets_in(
    installation: Installation, browser: Browser, admin: Page
) -> None:
    page = somebody(installation, browser, admin, "Pia", "viewer")
    page.goto(f"{installation.address}/me")
    for label in ("New password", "The same again"):
        page.get_by_label(label).fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    for password in ("wrong", PASSWORD):
        page.get_by_label("Name").fill("Pia")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        if password == "wrong":  # noqa: S105 - of a test
            expect(page.get_by_role("alert")).to_contain_text("do not go together")
    page.wait_for_url("**/tracks")


def test_an_artist_appeals_and_is_right(
    installation: Installation, browser: Browser, admin: Page
) -> None:
    lea = somebody(installation, browser, admin, "Lea", "lead")
    lea.goto(f"{installation.address}/tracks?search=Decoded")
    lea.locator("tbody a").first.click()
    track = lea.url
    follows = lea.locator(".verdict .plain")
    expect(follows).to_have_text("Nothing is restricted or shown.")  # it is only suspected
    lea.get_by_role("link", name="Take an appeal in").click()
    lea.get_by_label("Who appeals").select_option("artist")
    lea.get_by_label("Their reference").fill("artist-7")
    lea.get_by_label("What they say").fill("I played it. <script>alert(1)</script>")
    lea.get_by_role("button", name="Take it in").click()
    appeal = lea.url.partition("?")[0]
    for step in ("It is admissible", "Lift the consequences for now", "Review it"):
        lea.get_by_role("button", name=step).click()
        expect(lea.get_by_role("status")).to_contain_text("Saved")
    lea.goto(appeal)
    lea.get_by_label("They are right: the decision is reversed").check()
    lea.get_by_label("none", exact=True).check()
    lea.get_by_label("Reasons").fill("The stems show every take.")
    lea.get_by_role("button", name="Decide", exact=True).click()
    expect(lea.locator(".headline").first).to_have_text("Decision overturned")
    again(lea, track, "an appeal")  # all dimensions at once
    expect(lea.locator(".headline")).to_have_text("Not made with AI")
    expect(follows).to_have_text("Nothing is restricted or shown.")


def test_a_musician_is_wrongly_marked_objects_on_a_phone_and_is_right(
    installation: Installation, browser: Browser, admin: Page
) -> None:
    """From the link to the end: the page, a project file, a person, a mark that is gone."""
    lea = somebody(installation, browser, admin, "Leo", "lead")
    lea.goto(f"{installation.address}/tracks?search=Northern")
    lea.locator("tbody a").first.click()
    track = lea.url
    lea.get_by_role("link", name="Link for the artist").click()
    lea.get_by_role("button", name="Make it").click()
    link = lea.locator(".secret").inner_text()

    phone = {"width": 390, "height": 844}
    artist, complaints = watched(browser, viewport=phone, has_touch=True, is_mobile=True)
    artist.goto(link)
    expect(artist.locator(".headline")).to_have_text("This recording is marked as made with AI")
    expect(artist.locator("main")).to_contain_text("It stays online")
    assert link.rpartition(".")[2] not in artist.url
    assert faults_of(artist) == []
    artist.get_by_role("button", name=re.compile("0:0")).first.click()
    assert plays(artist)
    artist.get_by_role("link", name="Object or correct it").click()
    artist.get_by_label("No AI made any of the sound.").check()
    artist.get_by_label("Tell us how you made it").fill("Modular synthesiser. <img src=x>")
    project = {"name": "Northern.zip", "mimeType": "application/zip", "buffer": b"PK\x03\x04" * 99}
    artist.locator("input[type=file]").set_input_files(project)  # type: ignore[arg-type]
    artist.get_by_role("button", name="Send the objection").click()
    expect(artist.get_by_role("status")).to_have_text("We have your objection.")
    expect(artist.locator(".files")).to_contain_text("Northern.zip")
    assert faults_of(artist) == []

    lea.goto(f"{installation.address}/appeals")
    lea.locator("tbody a", has_text="It is not AI").first.click()
    with lea.expect_download() as download:
        lea.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == b"PK\x03\x04" * 99
    for step in ("It is admissible", "Review it"):
        lea.get_by_role("button", name=step).click()
        expect(lea.get_by_role("status")).to_contain_text("Saved")
    lea.get_by_label("They are right: the decision is reversed").check()
    lea.get_by_label("none", exact=True).check()
    lea.get_by_label("Reasons").fill("The project has every take.")
    lea.get_by_role("button", name="Decide", exact=True).click()
    expect(lea.locator(".headline").first).to_have_text("Decision overturned")
    again(lea, track, "an appeal")

    artist.reload()
    settled = "Settled: this recording was not made with AI"
    expect(artist.locator(".headline")).to_have_text(settled)
    expect(artist.get_by_role("status")).to_have_text("You were right. The decision is reversed.")
    expect(artist.locator("main")).to_contain_text("The project has every take.")
    expect(artist.locator("main")).to_contain_text("Listeners see no note about AI.")
    artist.get_by_role("link", name="Deutsch").click()
    expect(artist.locator("main")).to_contain_text("Sie hatten recht.")
    assert faults_of(artist) == []
    assert artist.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    assert complaints == []

    lea.goto(f"{installation.address}/links")
    lea.get_by_role("button", name="Revoke").first.click()
    artist.reload()
    expect(artist.get_by_role("alert")).to_contain_text("funktioniert nicht")


def test_a_singer_refuses_the_imitation_of_her_voice_on_a_phone(
    installation: Installation, browser: Browser, admin: Page
) -> None:
    """From the link to the end: the page, the desk, and an upload with her voice that is held."""
    admin.goto(f"{installation.address}/rightsholders")
    form = admin.locator("form[action='/rightsholders']")
    form.locator("[name=party_id]").fill("P-VERA")
    form.locator("[name=name]").fill("Vera Voice")
    form.locator("[name=voice]").fill("Vera Voice")
    form.get_by_role("button", name="Save").click()
    admin.get_by_role("button", name="Make a link").click()
    link = admin.locator(".secret").inner_text()

    phone = {"width": 390, "height": 844}
    vera, complaints = watched(browser, viewport=phone, has_touch=True, is_mobile=True)
    vera.goto(link)
    expect(vera.locator("h1")).to_have_text("Vera Voice")
    expect(vera.locator("main")).to_contain_text("No recording here names it.")
    assert link.rpartition(".")[2] not in vera.url
    assert faults_of(vera) == []
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert vera.evaluate(fits), "it is too wide"
    vera.get_by_role("link", name="Choose what may be done").click()
    vera.get_by_label("Imitation of the voice").check()
    vera.get_by_label("I refuse it").check()
    vera.get_by_label("Why may you decide this?").first.fill("It is my voice. <img src=x>")
    paper = {"name": "identity.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    vera.locator("#files-choose").set_input_files(paper)  # type: ignore[arg-type]
    vera.get_by_role("button", name="See what it would change").click()
    expect(vera.locator(".headline")).to_contain_text("Refuse: Imitation of the voice")
    assert faults_of(vera) == []
    vera.get_by_role("button", name="Yes, confirm it").click()
    expect(vera.get_by_role("status")).to_contain_text("We have it. A person looks at it")

    admin.goto(f"{installation.address}/rightsholders")
    admin.get_by_role("link", name=re.compile("Refuse: Imitation")).click()
    expect(admin.locator("main")).to_contain_text("It is my voice. <img src=x>")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Download").click()
    assert download.value.path().read_bytes() == b"%PDF-1.7"
    assert faults_of(admin) == []
    admin.get_by_role("button", name="Approve it").click()
    expect(admin.get_by_role("status")).to_contain_text("Approved")

    admin.goto(f"{installation.address}/admin/keys")
    admin.get_by_label("What for").fill("ingest")
    admin.get_by_role("button", name="Make it").click()
    key = {"Authorization": f"Bearer {admin.locator('.secret').inner_text()}"}
    sample = installation.sample("northern-line")
    content = {"name": sample.name, "mimeType": "audio/mpeg", "buffer": sample.read_bytes()}
    about = {"title": "In her voice", "voice": {"depicted": "VERA VOICE"}}
    uploads = f"{installation.address}/v1/uploads"
    api = browser.new_context(extra_http_headers=key).request
    sent = api.post(uploads, multipart={"metadata": json.dumps(about), "file": content})  # type: ignore[dict-item]
    assert sent.ok, sent.text()
    begun, held = time.monotonic(), vera.get_by_text("Recordings here: 1. Held back: 1.")
    while not held.is_visible():
        assert time.monotonic() < begun + PATIENCE_S, vera.locator("main").inner_text()
        vera.wait_for_timeout(500)
        vera.reload()
    track_id = sent.json()["track_id"]
    listed = api.get(f"{installation.address}/v1/tracks/{track_id}/decisions").json()["items"]
    decided = listed[0]  # another test may have settled the same recording
    assert decided["actions"]["availability"] == "hold", "a person decides whether it goes"
    admin.goto(f"{installation.address}/queue")
    expect(admin.locator("main")).to_contain_text("In her voice")
    vera.get_by_role("link", name="Deutsch").click()
    expect(vera.locator("main")).to_contain_text("Es gilt.")
    expect(vera.locator("main")).to_contain_text("Abgelehnt: Nachbildung der Stimme")
    assert faults_of(vera) == []
    assert vera.evaluate(fits), "it is too wide"
    with vera.expect_download() as download:
        vera.get_by_role("link", name="Alles herunterladen").click()
    with zipfile.ZipFile(download.value.path()) as held_data:
        assert [one.partition("-")[2] for one in held_data.namelist()[1:]] == ["identity.pdf"]
    assert complaints == []


def faults_of(page: Page) -> list[str]:
    """What axe finds that is serious, in the light and in the dark."""
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        faults += [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in violations(page)
                   if one["impact"] in SERIOUS]  # fmt: skip
    return faults


def test_an_admin_replays_a_dead_letter(installation: Installation, admin: Page) -> None:
    admin.goto(f"{installation.address}/admin/dead-letters")
    admin.locator("tbody a[href*='/ddl_']").last.click()
    admin.get_by_label("Why").fill("to see whether it was the weather")
    admin.get_by_role("button", name="Replay").click()
    expect(admin.get_by_role("status")).to_contain_text("Replayed to tracks.uploaded/")
    admin.goto(f"{installation.address}/admin/dead-letters?status=replayed")
    expect(admin.locator("tbody").last).to_contain_text("replayed")


def test_axe_finds_no_serious_fault(installation: Installation, admin: Page) -> None:
    """In the light, and what depends on colours in the dark as well."""
    paths = ["/check", "/queue", "/tracks", "/appeals", "/rightsholders", "/quality"]
    paths += ["/me", "/admin", "/admin/statements"]
    paths += [f"/admin/{one}" for one in ("keys", "webhooks", "dead-letters", "versions", "audit")]
    for start, link in (
        ("/queue", ".row-link"),
        ("/tracks", "tbody a"),
        ("/appeals?show=ended", "tbody a"),
        ("/check", "tbody a"),
    ):
        admin.goto(installation.address + start)
        paths.append(str(admin.locator(link).first.get_attribute("href")))
    faults = []
    for path in paths:
        admin.goto(installation.address + path)
        admin.emulate_media(color_scheme="light")
        wrong = violations(admin)
        admin.emulate_media(color_scheme="dark")
        wrong += violations(admin, *COLOURS)
        faults += [
            f"{path}: {one['id']}: {[node['html'][:120] for node in one['nodes'][:2]]}"
            for one in wrong
            if one["impact"] in SERIOUS
        ]
    assert faults == []
