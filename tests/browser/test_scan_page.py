"""The page of a scan in a real browser: sorted, filtered, readable for all, without a network."""

from pathlib import Path

from streams.ops.scan.page import page
from streams.ops.scan.tables import Report
from tests.support.browsing import chromium, violations
from tests.support.scanned import about, catalogue


def test_the_page_is_sorted_filtered_and_accessible(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(page(Report.of(*catalogue()), about()), encoding="utf-8")
    complaints: list[str] = []
    with chromium() as browser:
        for scheme in ("light", "dark"):
            opened = browser.new_context(color_scheme=scheme).new_page()
            opened.on("console", lambda entry: complaints.append(entry.text))
            opened.on("pageerror", lambda error: complaints.append(str(error)))
            opened.on("request", lambda asked: complaints.append(asked.url))
            opened.goto(path.as_uri())
            faults = violations(opened)
            assert [(one["id"], one["nodes"][0]["html"]) for one in faults] == []
        first = "#artists-table tbody tr:first-child th"
        assert opened.inner_text(first) == "Nova"
        opened.click("#artists-table thead button:text-is('duplicates')")
        assert opened.inner_text(first) != "Nova"
        head = "#artists-table th[aria-sort]"
        assert opened.get_attribute(head, "aria-sort") == "descending"
        opened.click("#artists-table thead button:text-is('artist')")
        assert opened.inner_text(first).startswith("=HYPERLINK"), "shown, and no element"
        opened.click("#artists-table a:text-is('Nova')")
        assert opened.inner_text("#tracks-table-shown") == "2 of 8 rows shown"
        assert opened.locator("#tracks-table tbody tr:visible").count() == 2
    assert set(complaints) == {path.as_uri()}, "nothing else is loaded"
