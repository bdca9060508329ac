"""The task page as a reviewer with three hundred of them needs it, in a real browser."""

from base64 import b64decode

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_listening import Desk, desk, page

__all__ = ["desk", "page"]

pytestmark = pytest.mark.pipeline


def in_sight(page: Page, selector: str) -> bool:
    """Whether the whole of an element is within the window, and nothing lies over its middle."""
    return bool(
        page.locator(selector).first.evaluate(
            """one => {
                const box = one.getBoundingClientRect();
                const top = document.elementFromPoint(
                    box.x + box.width / 2, box.y + box.height / 2);
                return box.y >= 0 && box.bottom <= innerHeight && box.x >= 0
                    && box.right <= innerWidth && (one === top || one.contains(top));
            }"""
        )
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_verdict_is_in_reach_without_scrolling(
    desk: Desk, page: Page, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{desk.address}/tasks/{desk.task}")
    if page.locator("#take").count():
        page.locator("#take").click()
    expect(page.locator("#verdict")).to_be_visible()
    for selector in (".player", ".gist", "[value=All]", "[value=escalate]", "#verdict button"):
        assert in_sight(page, selector), selector
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    if width < 900:
        return
    assert in_sight(page, "[value=R-HUMAN-PERFORMANCE]")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    for selector in ("[value=All]", "#verdict button"):  # it stays beside whatever is read
        assert in_sight(page, selector), selector
    page.get_by_label("May be used to calibrate").check()  # what does not fit scrolls within
    assert in_sight(page, "#verdict button")


DOT = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2m1/wwAAAABJRU5ErkJggg=="
)


def test_a_picture_that_is_being_drawn_is_asked_for_again(desk: Desk, page: Page) -> None:
    asked = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) < 4:
            route.fulfill(status=503, json={"status": 503, "message": "It is being drawn."})
        else:
            route.fulfill(status=200, body=DOT, content_type="image/png")

    page.route("**/evidence/*", answer)
    page.goto(f"{desk.address}/tasks/{desk.task}")
    picture = page.locator(".picture img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 1, timeout=20_000)
    assert len(asked) >= 4


def test_where_there_will_be_no_picture_the_page_says_why(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.address}/tasks/{desk.task}")
    page.locator(".picture").scroll_into_view_if_needed()
    expect(page.locator(".picture figcaption")).to_have_text(
        "another model answered; its evidence was not drawn then", timeout=20_000
    )
    expect(page.locator(".picture img")).to_be_hidden()
