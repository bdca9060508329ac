"""Rows of the links of artists, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.store import artist_links
from streams.store.database import Ledger
from tests.support.stories import tell

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(number: int, **values: Any) -> dict[str, Any]:
    made = {
        "link_id": f"lnk_{number}",
        "decision_id": "dec_1",
        "upload_id": "upl_1",
        "track_id": "T-1",
        "created_by": "key_1",
        "created_at": NOW + number * HOUR,
        "expires_at": NOW + 9 * HOUR,
    }
    return made | values


def test_links_are_found_counted_and_listed(ledger: Ledger) -> None:
    tell(ledger, "T-9", distributor="D-1")
    with ledger.transaction() as connection:
        for link in (row(1), row(2), row(3, created_by="key_2"), row(4, decision_id="dec_2")):
            artist_links.add(connection, link)
        assert artist_links.find(connection, "lnk_2").track_id == "T-1"
        assert artist_links.find(connection, "lnk_9") is None
        assert artist_links.latest_valid(connection, "dec_1", "key_1", NOW).link_id == "lnk_2"
        assert artist_links.latest_valid(connection, "dec_1", "key_1", NOW + 9 * HOUR) is None
        assert artist_links.count_valid(connection, "dec_1", NOW) == 3
        assert artist_links.revoke(connection, "lnk_2", "usr_1", NOW)
        assert not artist_links.revoke(connection, "lnk_2", "usr_2", NOW)
        assert artist_links.find(connection, "lnk_2").revoked_by == "usr_1"
        assert artist_links.count_valid(connection, "dec_1", NOW) == 2
    first = artist_links.listed(ledger, None, 2, decision_id="dec_1")
    assert [one["link_id"] for one in first.rows] == ["lnk_3", "lnk_2"]
    (last,) = artist_links.listed(ledger, first.next, 2, decision_id="dec_1").rows
    assert last["link_id"] == "lnk_1"
    assert len(artist_links.listed(ledger, None, 9).rows) == 4
    assert artist_links.listed(ledger, None, 9, distributors=("D-1",)).rows == []


def test_a_visit_is_noted_once_in_a_while(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        artist_links.add(connection, row(1))
        assert artist_links.see(connection, "lnk_1", NOW, NOW - HOUR)
        assert not artist_links.see(connection, "lnk_1", NOW, NOW - HOUR)
        assert artist_links.see(connection, "lnk_1", NOW + 2 * HOUR, NOW + HOUR)
