"""What people hold tracks to be: verdicts, appeals, duplicates."""

from pathlib import Path
from typing import Any

import pytest

from streams.contract.records import Extent
from streams.contract.records.reviews import AppealOutcome, Appellant
from streams.services.ruled_tracks import answers_of, names_of, ruled_tracks
from streams.store import rulings
from streams.store.database import Ledger
from streams.store.rulings import Service
from streams.store.tables import APPEALS
from tests.support.events import appeal
from tests.support.ledger_filling import row
from tests.support.ruled import DIGEST, fill, track_rows

SERVICE = Service(DIGEST, 0.01)
SUSPECTED: dict[str, Any] = {"outcome": "suspected", "queue": "suspected"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path}/ledger.db")


def ruled(ledger: Ledger) -> dict[str, tuple[bool, bool]]:
    with ledger.reading() as connection:
        rulings_now = ruled_tracks(connection, SERVICE)
    return {one.answer.upload_id: (one.is_ai, one.answer.asked) for one in rulings_now}


def appealed(ledger: Ledger, number: int, **fields: Any) -> None:
    event = appeal(upload_id=f"u{number}", **fields)
    values = {name: getattr(event, name) for name in ("appeal_id", "sequence", "state")}
    record = event.to_bytes().decode()
    upload = {"upload_id": event.upload_id, "change_id": event.change_id, "record": record}
    ledger.write([row(APPEALS, **values, **upload)])


def test_each_recording_counts_once_by_its_latest_ruling(ledger: Ledger) -> None:
    fill(
        ledger,
        (
            track_rows(1, extent="None", **SUSPECTED),
            track_rows(2, extent="All", content="c1", **SUSPECTED),  # the same bytes
            track_rows(3, extent="Partly", artist="Ann", title="Song", **SUSPECTED),
            track_rows(4, extent="None", artist="ANN", title="song ", **SUSPECTED),
            track_rows(5, extent="All", isrc="DEA012000001", **SUSPECTED),
            track_rows(6, extent="None", isrc="DEA012000001", **SUSPECTED),
            track_rows(7, extent="None", outcome="no_trace", queue="sample"),
        ),
    )
    assert ruled(ledger) == {
        "u1": (False, True),
        "u3": (True, True),
        "u5": (True, True),
        "u7": (False, False),
    }


def test_an_appeal_reverses_and_a_party_rules_on_nothing_of_its_own(ledger: Ledger) -> None:
    fill(ledger, (track_rows(number, extent="All", **SUSPECTED) for number in range(1, 6)))
    people = AppealOutcome(extent=Extent.NONE, reasons="Stems.")
    lead: dict[str, Any] = {"changed_by": "lead-1"}
    appealed(ledger, 1, state="overturned", outcome=people, **lead)
    stays = AppealOutcome(reasons="It stays.")
    appealed(ledger, 2, state="upheld", outcome=stays, appeal_id="apl_2", change_id="2", **lead)
    own = Appellant(type="artist", id="lead-1")  # decided by the one who appeals
    third: dict[str, Any] = {"state": "overturned", "outcome": people, "appellant": own} | lead
    appealed(ledger, 3, appeal_id="apl_3", change_id="3", **third)
    reviewer = Appellant(type="artist", id="rev-1")  # who gave the verdict
    appealed(ledger, 4, appeal_id="apl_4", change_id="4", appellant=reviewer)
    assert ruled(ledger) == {
        "u1": (False, True),
        "u2": (True, True),
        "u3": (True, True),
        "u5": (True, True),
    }


def test_a_content_is_one_answer_and_asked_if_any_delivery_is(ledger: Ledger) -> None:
    fill(ledger, (track_rows(1, content="c"), track_rows(2, content="c", queue="disclosure")))
    with ledger.reading() as connection:
        (answer,) = answers_of(rulings.newest_answers(connection, SERVICE))
    assert (answer.upload_id, answer.asked) == ("u1", True)


def test_names_to_count_by() -> None:
    assert names_of({"track_id": "T"}) == ("T", "T")
    assert names_of({"track_id": "T", "distributor": "D", "title": "A"}) == ("D", "T")
    credited = {"track_id": "T", "artists": ["B", "a"], "title": " Song"}
    assert names_of(credited) == ("a; b", "a; b: song")
    assert names_of(credited | {"isrc": "X"}) == ("a; b", "X")
