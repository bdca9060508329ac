"""Items, and the URL of an index."""

from pathlib import Path

import pytest

from streams.known.index import IndexUnusable, Item, Refused, open_index
from tests.support.known_tracks import digest, item


def test_another_version_and_another_url_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_index(f"file://{tmp_path}/index").close()
    monkeypatch.setattr("streams.known.sql.LANDMARKS_VERSION", 99)
    with pytest.raises(IndexUnusable, match="version 1, this release makes 99"):
        open_index(f"file://{tmp_path}/index")
    for wrong in ("", "index", "mysql://host/db", "s3://bucket/index"):
        with pytest.raises(IndexUnusable, match="EARMARK_INDEX must be"):
            open_index(wrong)


def test_names_of_items_fit_on_events() -> None:
    for wrong in ("", " ", "x" * 257):
        with pytest.raises(Refused, match="item_id must have"):
            item(1, item_id=wrong)
    with pytest.raises(Refused, match="generator must have"):
        Item("golden", "T-1", digest(1), b"", 1.0, generator="")
