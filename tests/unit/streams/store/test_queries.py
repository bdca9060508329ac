"""Questions to the ledger, on both databases."""

import pytest

from streams.contract import topics
from streams.policy.decide import decide
from streams.services import timeline
from streams.stages.ledger import project
from streams.store import queries
from streams.store.database import Ledger
from tests.support.events import (
    classified,
    message,
    received,
)
from tests.support.ledger_rows import POLICY, letter, whole_story
from tests.support.policies import bundle, rule
from tests.support.stories import tell


def test_uploads_that_have_ended(ledger: Ledger) -> None:
    decided = decide(classified(track_id="T-2"), POLICY).decided
    buried = received("T-3").to_bytes()
    project(ledger, [message(topics.DECIDED, decided), letter(buried), letter(b'["upload_id"]')])
    asked = {decided.upload_id, received("T-3").upload_id, "upl_unknown"}
    assert ledger.ended_uploads(asked) == asked - {"upl_unknown"}
    assert ledger.ended_uploads([]) == set()


def test_decisions_latest_first(ledger: Ledger) -> None:
    decisions = [decide(classified(track_id=f"T-{n}"), POLICY).decided for n in range(3)]
    project(
        ledger,
        [
            message(topics.DECIDED, decision, n, timestamp_ms=1_795_000_000_000 + n)
            for n, decision in enumerate(decisions)
        ],
    )
    with ledger.reading() as connection:
        latest = queries.decisions(connection, limit=2)
    assert latest == [decisions[2], decisions[1]]
    assert queries.decision(ledger, upload_id=decisions[0].upload_id) == decisions[0]
    assert queries.decision(ledger, upload_id="upl_unknown") is None


def test_a_second_policy_is_a_second_decision_and_the_later_one_counts(ledger: Ledger) -> None:
    event = classified()
    first, second = decide(event, POLICY).decided, decide(event, bundle(rule())).decided
    for at, decision in ((1, first), (2, second)):
        project(ledger, [message(topics.DECIDED, decision, timestamp_ms=at)])
    assert queries.counts(ledger)["decisions"] == 2
    assert queries.decision(ledger, upload_id=event.upload_id) == second


def test_the_story_of_a_track(ledger: Ledger) -> None:
    project(ledger, whole_story())
    project(ledger, [message(topics.UPLOADED, received("T-other"))])
    entries = queries.story(ledger, "T-1")
    assert [entry.table for entry in entries] == [
        *("uploads", "fingerprints", "analyses", "labels", "labels"),
        *("decisions", "review_tasks", "applied", "verdicts", "appeals"),
        *("shadow_hits", "statements", "usages", "credits", "dead_letters"),
    ]
    assert entries[5].record["label"]["extent"] == "All"
    assert entries[-1].record["reason"] == "invalid_record"


def test_whose_an_upload_is(ledger: Ledger) -> None:
    decided, _ = tell(ledger, distributor="A")
    assert queries.is_of(ledger, decided.upload_id, ())
    assert queries.is_of(ledger, decided.upload_id, ("A", "B"))
    assert not queries.is_of(ledger, decided.upload_id, ("B",))


def test_statements_are_read_page_by_page(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(queries.statements(ledger)) == []
    monkeypatch.setattr(Ledger.pages, "__kwdefaults__", {"size": 2})
    answers = [decide(classified(track_id=f"T-{number}"), POLICY) for number in range(5)]
    written = [answer.statement for answer in answers if answer.statement is not None]
    times = (1_795_000_000_000 + number // 2 for number in range(5))  # two at a time
    project(
        ledger,
        [
            message(topics.STATEMENTS_WRITTEN, statement, number, timestamp_ms=at)
            for number, (statement, at) in enumerate(zip(written, times, strict=True))
        ],
    )
    read = list(queries.statements(ledger))
    places = [int(statement.track_id[2:]) // 2 for statement in read]
    assert places == [0, 0, 1, 1, 2]  # the oldest first; of one time in any order
    assert sorted(read, key=lambda statement: statement.track_id) == written
    assert list(queries.statements(ledger, track_id="T-3")) == [written[3]]


def test_a_long_story_keeps_its_latest_entries_and_states_that_others_are_left_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        tell(ledger, at_ms=1_795_000_000_000 + 1_000 * number, title=f"Delivery {number}")
    whole = queries.story(ledger, "T-1")
    assert "left_out" not in {entry.table for entry in whole}
    monkeypatch.setattr(queries, "STORY_ROWS", 2)
    short = queries.story(ledger, "T-1")
    titles = [one.record["upload"]["title"] for one in short if one.table == "uploads"]
    assert titles == ["Delivery 1", "Delivery 2"]
    assert {"table": "uploads"} in [one.record for one in short if one.table == "left_out"]
    sentences = [entry.sentence for entry in timeline.story(short, {})]
    assert "Older uploads are left out: there are too many." in sentences
    monkeypatch.setattr(queries, "PART_BYTES", 1)
    assert [one.table for one in queries.story(ledger, "T-1")].count("uploads") == 1
