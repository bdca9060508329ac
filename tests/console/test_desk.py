"""The task page as a reviewer with three hundred of them needs it, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.test_listening import Desk, desk, page

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
