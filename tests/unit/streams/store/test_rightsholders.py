"""Rows of rightsholders and their requests, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

from streams.contract import topics
from streams.stages.ledger import project
from streams.store import rightsholders
from streams.store.database import Ledger
from tests.support.events import agreement, message
from tests.support.rightsholders import VOICE, imitation

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def request(number: int, **values: Any) -> dict[str, Any]:
    made = {
        "request_id": f"rrq_{number}", "rightsholder_id": "rho_1", "link_id": "lnk_1",
        "kind": "choice", "state": "draft", "proof": "mine",
        "made_at": NOW + timedelta(hours=number), "changed_at": NOW,
    }  # fmt: skip
    return made | values


def test_requests_are_counted_changed_and_listed(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for made in (request(1), request(2, state="waiting"), request(3, link_id="lnk_2")):
            rightsholders.add_request(connection, made)
        assert rightsholders.count_requests(connection, "rho_1", "draft") == 2
        assert rightsholders.remove_drafts(connection, NOW + timedelta(days=1), link_id="lnk_1")
        assert rightsholders.remove_drafts(connection, NOW) == 0
        assert not rightsholders.change_request(connection, "rrq_2", ("draft",), state="refused")
        assert rightsholders.change_request(connection, "rrq_2", ("waiting",), state="refused")
        assert rightsholders.find_request(connection, "rrq_1") is None
        own = [one.request_id for one in rightsholders.requests_of(connection, "rho_1")]
    assert own == ["rrq_3", "rrq_2"]
    (row,) = rightsholders.requests(ledger, ("refused",), None, 9).rows
    assert row["request_id"] == "rrq_2"


def test_entries_are_found_by_their_grantor_whatever_their_text(ledger: Ledger) -> None:
    entry = agreement(grantor={"party_id": 'Ä"%_', "name": "P-2"})
    other = agreement(grantor={"party_id": "P-2", "name": 'Ä"%_'}, agreement_id="AGR-2")
    sold = entry.model_copy(update={"version": 2, "entry": other.entry})
    project(
        ledger, [message(topics.RIGHTS_CHANGED, one, at) for at, one in enumerate((entry, other))]
    )
    with ledger.reading() as connection:
        assert rightsholders.entries_of(connection, 'Ä"%_') == [entry]
        assert rightsholders.entries_of(connection, "P-2") == [other]
        assert rightsholders.entries_of(connection, "%") == []
    project(ledger, [message(topics.RIGHTS_CHANGED, sold, 2)])
    with ledger.reading() as connection:
        assert rightsholders.entries_of(connection, 'Ä"%_') == [], "it is of another now"
        assert [len(one) for one in rightsholders.histories(connection, 'Ä"%_')] == [2]
        assert rightsholders.versions(connection, [entry.entry_id])[entry.entry_id] == sold


def test_tracks_that_are_held_are_those_of_current_decisions(ledger: Ledger) -> None:
    imitation(ledger, "T-V")
    with ledger.reading() as connection:
        key = ("voice", VOICE.casefold())
        assert rightsholders.tracks_by_key(connection, [key], 9) == {key: {"T-V"}}
        assert rightsholders.held(connection, ["T-V", "T-none"]) == {"T-V"}
