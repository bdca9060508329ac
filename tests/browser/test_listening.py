"""Two recordings played side by side in a real browser: a console without a broker."""

import io
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Page, expect

from streams.contract import topics
from streams.contract.records import Evidence, Provenance
from streams.media.kept_audio import Arriving
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.services.accounts import sessions
from streams.stages.ledger import project
from streams.web.api.resources import AppResources
from streams.web.console.app import create
from streams.web.console.auth import COOKIE
from streams.web.console.server import config_of
from tests.support.accounts import create_user
from tests.support.browsing import chromium, watched
from tests.support.events import fingerprinted, match, message
from tests.support.stories import CLAIMS_NONE, hear, tell

pytestmark = pytest.mark.pipeline

HERE_S, THERE_S, SPEED = 2.0, 6.0, 1.0


@dataclass
class Desk:
    """Where the console is, and the task of a track that is like a known one."""

    address: str
    task: str
    token: str


def tone(pitch_hz: float) -> bytes:
    """A WAV of twelve seconds."""
    times = np.arange(12 * 8_000) / 8_000
    samples = (9_000 * np.sin(2 * np.pi * pitch_hz * times)).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return out.getvalue()


def kept(resources: AppResources, content: bytes) -> tuple[str, str]:
    with Arriving(resources.uploads) as arriving:
        arriving.write(content)
        file = arriving.whole()
        arriving.keep()
    return file.uri, file.sha256


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, port = tmp_path_factory.mktemp("desk"), free_port()
    settings = Settings(ledger=f"sqlite:///{folder}/ledger.db", store=f"file://{folder}/store")
    address = f"http://127.0.0.1:{port}"
    with AppResources.open(settings, relaying=False) as resources:
        task, token = _filled(resources)
        config = config_of(create(resources, address), settings)
        config.host, config.port = "127.0.0.1", port
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield Desk(address, task, token)
        server.should_exit = True
        thread.join(15)


def _filled(resources: AppResources) -> tuple[str, str]:
    their_uri, their_content = kept(resources, tone(330.0))
    known, _ = tell(resources.ledger, "T-0", title="The known one", uri=their_uri)
    hear(resources.ledger, known, their_content)
    my_uri, my_content = kept(resources, tone(440.0))
    decided, requested = tell(
        *(resources.ledger, "T-1"),
        title="A song",
        uri=my_uri,
        declared=CLAIMS_NONE,
        distributor="Label A",
        evidence=(Evidence(kind="clock", score=9.0, sentence="It pulses.", rate_hz=50.0),),
    )
    assert requested is not None
    signed = Provenance(state="untrusted", signer="A tool's key", claim_generator="A generator 5")
    decoded = fingerprinted("T-1").model_copy(
        update={
            "upload_id": decided.upload_id,
            "content_sha256": my_content,
            "provenance": signed,
            "matches": (
                match(
                    item_id="T-0",
                    content_sha256=known.content_sha256,
                    start_s=HERE_S,
                    known_start_s=THERE_S,
                    speed_ratio=SPEED,
                ),
            ),
        }
    )
    project(resources.ledger, [message(topics.FINGERPRINTED, decoded)])
    rita = create_user(resources.ledger, "Rita", "reviewer")
    return requested.task_id, sessions.begin(resources.ledger, rita)


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as browser:
        opened, complaints = watched(browser)
        opened.context.add_cookies([{"name": COOKIE, "value": desk.token, "url": desk.address}])
        yield opened
        assert complaints == []


def second(page: Page, which: int) -> float:
    return float(page.locator("audio").nth(which).evaluate("a => a.paused ? -1 : a.currentTime"))


def wait_for(page: Page, which: int, after_s: float) -> float:
    deadline = time.monotonic() + 20
    while (now := second(page, which)) <= after_s:
        assert time.monotonic() < deadline, f"{now} s and not more than {after_s} s"
        page.wait_for_timeout(50)
    return now


def test_a_and_b_start_where_both_are_the_same_and_go_on_at_the_same_place(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{desk.address}/tasks/{desk.task}")
    known = page.locator(".known")
    known.get_by_role("button", name="A: this track from 0:02").click()
    wait_for(page, 0, HERE_S + 0.3)
    known.get_by_role("button", name="B: the known one from 0:06").click()
    there = wait_for(page, 1, THERE_S + 0.4)
    assert there < THERE_S + 4
    assert second(page, 0) == -1, "both play at once"
    expect(known.locator("[data-side=B]")).to_have_attribute("aria-pressed", "true")
    known.locator("[data-side=A]").click()
    here = wait_for(page, 0, HERE_S + 0.5)
    assert here - HERE_S >= there - THERE_S - 0.1, "it began anew instead of going on"
    assert second(page, 1) == -1
    known.locator("[data-side=A]").click()
    assert second(page, 0) == -1
