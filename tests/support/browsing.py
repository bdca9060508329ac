"""Debian's Chromium, driven by Playwright; nothing is downloaded, nothing shared."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it. Skips without one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def watched(browser: Browser, **options: object) -> tuple[Page, list[str]]:
    """Open a page of a new visitor; the list gathers what it complains of or fetches elsewhere."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on(
        "console",
        lambda entry: (
            complaints.append(f"console: {entry.text}")
            # a picture that is not drawn yet is asked for again
            if entry.type == "error" and "/evidence/" not in entry.location["url"]
            else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            complaints.append(f"elsewhere: {asked.url}")
            if not asked.url.startswith("http://127.0.0.1")
            else None
        ),
    )
    return page, complaints


def violations(page: Page, *rules: str) -> list[dict[str, Any]]:
    """Return what axe finds wrong with a page, by some of its rules; none named: by all."""
    # where axe lists what is right, too, it takes far longer
    options = {"resultTypes": ["violations"]} | ({"runOnly": [*rules]} if rules else {})
    wrong: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return wrong
