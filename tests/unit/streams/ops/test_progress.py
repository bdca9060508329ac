"""The bar of long commands."""

import io

from rich.console import Console
from rich.progress import TextColumn

from streams.ops.progress import bar


def test_a_bar_shows_what_is_done_and_further_columns() -> None:
    out = io.StringIO()
    with bar(Console(file=out, width=120), TextColumn("{task.fields[problems]}")) as progress:
        task = progress.add_task("read", total=4, problems="one unreadable")
        progress.advance(task, 3)
    shown = out.getvalue()
    assert "read" in shown
    assert "3/4" in shown
    assert "one unreadable" in shown
