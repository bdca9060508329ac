"""Reports as Markdown and as a page."""

from pathlib import Path

import orjson
from matplotlib.figure import Figure

from models.evaluation.document import (
    Block,
    Heading,
    Picture,
    Table,
    between,
    markdown,
    named,
    page,
    percent,
    table_of,
    write_files,
)


def test_one_report_is_text_and_page() -> None:
    report: list[Block] = [
        Heading("found & flagged"),
        "Ten <of> ten.",
        Picture(lambda: Figure((1, 1)), "nothing"),
        Table(("maker", "found"), [("a<b", 1)]),
    ]
    text = markdown(report)
    assert text == (
        "### Found & flagged\n\nTen <of> ten.\n\n| maker | found |\n|---|---|\n| a<b | 1 |\n"
    )
    html = page("x<y", report)
    assert html.count("<svg") == 1
    for escaped in ("x&lt;y", "a&lt;b", "Ten &lt;of&gt; ten.", "&amp; flagged"):
        assert escaped in html


def test_columns_are_paths_into_figures() -> None:
    rows = named({"a": {"tpr": {"share": 0.5}}, "b": {"tpr": {"share": None}}})
    table = table_of((("maker", "name"), ("found", "tpr/share", percent)), rows)
    assert table.head == ["maker", "found"]
    assert table.rows == [["a", "50.0 %"], ["b", "-"]]
    assert between((0.1, 0.25)) == "[10.0, 25.0]"
    assert between(None) == ""


def test_strings_are_written_as_they_are_and_figures_as_json(tmp_path: Path) -> None:
    paths = write_files(tmp_path / "new", {"a.md": "# A\n", "a.json": {"found": 0.5}})
    assert paths[0].read_text() == "# A\n"
    assert orjson.loads(paths[1].read_bytes()) == {"found": 0.5}
