"""Rows of the files that artists hand in, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.store import appeal_files
from streams.store.database import Ledger

UPL_1 = {"upload_id": "upl_1"}
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def row(number: int, **values: Any) -> dict[str, Any]:
    made = {
        "file_id": f"fil_{number}",
        "link_id": "lnk_1",
        "upload_id": "upl_1",
        "track_id": "T-1",
        "name": "song.zip",
        "kind": "archive",
        "sha256": str(number) * 64,
        "size": 10 * number,
        "added_at": NOW + timedelta(hours=number),
    }
    return made | values


def test_files_are_counted_sent_and_removed_until_they_are_sent(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for file in (row(2), row(1), row(3, upload_id="upl_2", track_id="T-2", sha256="1" * 64)):
            appeal_files.add(connection, file)
        assert [one.file_id for one in appeal_files.of_owner(connection, UPL_1)] == [
            "fil_1",
            "fil_2",
        ]
        assert appeal_files.usage(connection, UPL_1) == (2, 30)
        assert appeal_files.usage(connection, {"upload_id": "upl_9"}) == (0, 0)
        assert appeal_files.own_contents(connection, ["T-1"]) == ["2" * 64], "one is of T-2 too"
        appeal_files.attach(connection, ["fil_1"], "apl_1")
        assert appeal_files.find(connection, "fil_1").appeal_id == "apl_1"
        assert appeal_files.remove(connection, "fil_1", UPL_1) is None, "it was sent"
        assert appeal_files.remove(connection, "fil_2", {"upload_id": "upl_2"}) is None, (
            "it is of others"
        )
        assert appeal_files.remove(connection, "fil_2", UPL_1) == "2" * 64
        assert appeal_files.is_kept(connection, "1" * 64)
        assert appeal_files.remove_unsent(connection, NOW) == []
        assert appeal_files.remove_unsent(connection, NOW + timedelta(days=1)) == ["1" * 64]
        assert appeal_files.find(connection, "fil_3") is None
