"""The ledger on both of its databases: what holds on one holds on the other."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest
import sqlalchemy

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    DecisionApplied,
    Declaration,
    InvalidRecord,
    ModelRef,
    RuleHit,
    Upload,
    UploadReceived,
)
from streams.contract.records.policy import PolicyShadowed
from streams.contract.records.rights import UsageAttributed
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.kafka.handler import Handled, blocking
from streams.runtime.kafka.handling import Handling
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store import database as ledger_module
from streams.store import dead_letter_store, queries, track_list
from streams.store.database import Ledger, LedgerAway, LedgerError, Unstorable
from streams.store.dead_letter_store import DeadLetterFilter
from streams.store.tables import LABELS, METADATA, UPLOADS
from tests.support.catalogue import CatalogueFixture
from tests.support.events import (
    UPLOADED_AT,
    agreement,
    appeal,
    classified,
    fingerprinted,
    message,
    policy_changed,
    received,
    reopened,
    verdict,
)
from tests.support.policies import bundle, rule

POLICY = load(Settings().policy)
TABLES = [table.name for table in METADATA.sorted_tables if not table.info.get("people")]
ONCE = dict.fromkeys(TABLES, 1) | {"labels": 2, "dead_letter_actions": 0, "subjects": 0}


def letter(value: bytes | None, offset: int = 3, reason: str = "invalid_record") -> Message:
    source = Message(topics.UPLOADED, 0, offset, b"T-1", value, (("trace", b"\x00\xff"),), 1_000)
    headers = dead_letters.headers_for(source, "fingerprint", InvalidRecord(reason, "why"))
    topic = topics.dead(topics.UPLOADED)
    return Message(topic, 0, 0, source.key, value, tuple(headers), 1_795_000_100_000)


def whole_story() -> list[Message]:
    """One message for every topic, all about track T-1 but one (and two labels in one)."""
    event = classified(declared=Declaration(contains_ai="None"))
    answer = decide(event, POLICY)
    labelled, decided, requested = answer.labelled, answer.decided, answer.requested
    assert requested is not None
    assert answer.statement is not None
    assert answer.credits is not None
    about = {
        "decision_id": decided.decision_id,
        "upload_id": decided.upload_id,
        "track_id": decided.track_id,
    }
    applied = DecisionApplied(
        decision_id=decided.decision_id,
        upload_id=decided.upload_id,
        track_id=decided.track_id,
        result="applied",
    )
    records = {
        topics.UPLOADED: received(declared=Declaration(contains_ai="None")),
        topics.FINGERPRINTED: fingerprinted(),
        topics.CLASSIFIED: classified(declared=Declaration(contains_ai="None")),
        topics.LABELLED: labelled,
        topics.DECIDED: decided,
        topics.REVIEWS_REQUESTED: requested,
        topics.DECISIONS_APPLIED: applied,
        topics.REVIEWS_DECIDED: verdict(),
        topics.APPEALS_CHANGED: appeal(),
        topics.RIGHTS_CHANGED: agreement(),
        topics.POLICIES_CHANGED: policy_changed(),
        topics.REOPENED: reopened(),
        topics.POLICIES_SHADOWED: PolicyShadowed(
            shadow_id="shd_1",
            policy=decided.policy,
            rules=(RuleHit(rule_id="r", rule_version=1, reason_code="R-R", mode="shadow"),),
            actions=decided.actions,
            would_be=decided.actions,
            **about,
        ),
        topics.STATEMENTS_WRITTEN: answer.statement,
        topics.USAGE_ATTRIBUTED: UsageAttributed(
            usage_id="use_1",
            agreement_id="AGR-1",
            entry_id="rgt_1",
            entry_version=1,
            sources=(),
            basis="contract_split",
            method="net_revenue",
            period="monthly",
            territories=("Worldwide",),
            from_at=UPLOADED_AT,
            **about,
        ),
        topics.CREDITS_DERIVED: answer.credits,
    }
    messages = [
        message(topic, record, timestamp_ms=1_795_000_000_000 + 10 * place)
        for place, (topic, record) in enumerate(records.items())
    ]
    return [*messages, letter(b"not a record")]


def test_every_topic_has_its_rows(ledger: Ledger) -> None:
    assert project(ledger, whole_story()) == Handled([])
    assert queries.counts(ledger) == ONCE


def test_what_comes_again_adds_nothing(ledger: Ledger) -> None:
    for _ in range(2):
        project(ledger, whole_story())
    project(ledger, whole_story() * 3)
    assert queries.counts(ledger) == ONCE


def test_any_order_gives_the_same_rows(ledger: Ledger) -> None:
    for messages in reversed(whole_story()):
        project(ledger, [messages])
    assert queries.counts(ledger) == ONCE


def test_the_first_record_of_an_id_stays(ledger: Ledger) -> None:
    first = received()
    later = first.model_copy(update={"uploaded_at": UPLOADED_AT + timedelta(hours=1)})
    project(ledger, [message(topics.UPLOADED, first), message(topics.UPLOADED, later)])
    with ledger.reading() as connection:
        at = connection.scalars(sqlalchemy.select(UPLOADS.c.uploaded_at)).all()
    assert at == [UPLOADED_AT]


def test_times_are_utc_and_records_are_kept_to_the_letter(ledger: Ledger) -> None:
    event = message(topics.UPLOADED, received(), timestamp_ms=1_795_000_000_123)
    project(ledger, [event])
    with ledger.reading() as connection:
        row = connection.execute(sqlalchemy.select(UPLOADS)).one()
    assert row.record.encode() == event.value
    assert row.recorded_at == datetime.fromtimestamp(1_795_000_000.123, UTC)
    assert row.recorded_at.tzinfo is not None


def test_the_effective_label_is_marked(ledger: Ledger) -> None:
    project(ledger, whole_story())
    with ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(LABELS.c.source, LABELS.c.effective)).all()
    assert sorted(map(tuple, rows)) == [("declaration", False), ("detector", True)]


def test_a_bad_message_harms_no_other(ledger: Ledger) -> None:
    bad = Message(topics.DECIDED, 0, 9, b"T-1", b"{}")
    handled = project(ledger, [*whole_story(), bad])
    assert [refused.message for refused in handled.refused] == [bad]
    assert handled.refused[0].error.reason == "invalid_record"
    assert queries.counts(ledger)["decisions"] == 1


def test_any_text_can_be_stored(ledger: Ledger) -> None:
    odd = "NUL \x00, 🎵, 'quote', \u202e and %s"
    event = message(topics.UPLOADED, received(title=odd))
    assert project(ledger, [event]) == Handled([])
    with ledger.reading() as connection:
        title, record = connection.execute(
            sqlalchemy.select(UPLOADS.c.title, UPLOADS.c.record)
        ).one()
    assert title == odd.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert UploadReceived.model_validate_json(record).upload.title == odd


def test_a_row_that_no_database_takes_is_refused_alone(ledger: Ledger) -> None:
    """A number that fits into no column."""
    event = fingerprinted("T-odd")
    odd = event.audio.model_copy(update={"sample_rate_hz": 2**63})
    bad = message(topics.FINGERPRINTED, event.model_copy(update={"audio": odd}), 1)
    good = message(topics.UPLOADED, received())
    with pytest.raises(Unstorable):
        project(ledger, [good, bad])
    handler = blocking("ledger", partial(project, ledger))
    handling = Handling("ledger", handler, None, Settings())  # type: ignore[arg-type]
    handled = asyncio.run(handling.handle([good, bad]))
    assert [refused.message for refused in handled.refused] == [bad]
    assert queries.counts(ledger)["uploads"] == 1


LONGEST = "".join(map(chr, range(0x4E00, 0x4E00 + 2_000)))  # does not compress


def test_the_longest_texts_can_be_stored_and_found(ledger: Ledger) -> None:
    name = LONGEST[:256]
    longest = received(name, title=LONGEST, distributor=name, identifiers={"upc": name})
    model = ModelRef(name=name, version=name, digest="d" * 64)
    analysis = classified().analysis.model_copy(update={"analysis_id": name, "model": model})
    event = classified(track_id=name, artists=("\u0390" * 256,)).model_copy(
        update={"upload_id": name, "analysis": analysis}
    )
    decided = decide(event, POLICY).decided
    named = analysis.model_copy(update={"generator": LONGEST})  # no entry has so long a name
    event = event.model_copy(update={"analysis": named})
    key = letter(LONGEST.encode())
    letters = [
        replace(key, key=LONGEST.encode()),
        replace(key, value=orjson.dumps({"upload_id": LONGEST})),
    ]
    batch = [
        message(topics.UPLOADED, longest),
        message(topics.CLASSIFIED, event),
        message(topics.DECIDED, decided),
        *letters,
    ]
    assert project(ledger, batch) == Handled([])
    assert [row["track_id"] for row in track_list.search(ledger, LONGEST[900:1_000], limit=9).rows]
    rows = dead_letter_store.find(ledger, DeadLetterFilter())
    assert [(row.track_id, row.upload_id) for row in rows if row.key != b"T-1"] == [(None, None)]


def test_a_dead_letter_belongs_to_no_other_track(ledger: Ledger) -> None:
    keys = (b"T\x00", b"T\xff", b"", b" ")
    project(ledger, [replace(letter(bytes([n])), key=key) for n, key in enumerate(keys)])
    rows = dead_letter_store.find(ledger, DeadLetterFilter())
    assert {row.key for row in rows} == set(keys)
    assert {row.track_id for row in rows} == {None}


def test_a_delivery_of_the_future_is_refused(ledger: Ledger) -> None:
    soon = received().model_copy(update={"uploaded_at": datetime.now(UTC) + timedelta(minutes=4)})
    late = received().model_copy(update={"uploaded_at": datetime(2999, 1, 1, tzinfo=UTC)})
    handled = project(ledger, [message(topics.UPLOADED, soon), message(topics.UPLOADED, late, 1)])
    assert [refused.error.reason for refused in handled.refused] == ["invalid_record"]
    assert queries.counts(ledger)["uploads"] == 1


def test_a_row_that_no_index_takes_is_refused_alone(ledger: Ledger) -> None:
    """PostgreSQL refuses keys of an index over 2,704 bytes as an OperationalError (54000)."""
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE keyed (key TEXT PRIMARY KEY)"))
    postgresql = ledger.engine.dialect.name == "postgresql"
    expected = pytest.raises(Unstorable, match="index") if postgresql else nullcontext()
    with expected, ledger.transaction() as connection:
        text = "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))  # does not compress
        connection.execute(sqlalchemy.text("INSERT INTO keyed VALUES (:key)"), {"key": text})


def test_a_table_that_is_not_there_yet_is_waited_for(ledger: Ledger) -> None:
    with pytest.raises(LedgerAway), ledger.reading() as connection:
        connection.execute(sqlalchemy.text("SELECT 1 FROM of_a_later_release"))


# --- dead letters --------------------------------------------------------------------------


def test_dead_letters_keep_what_a_replay_needs(ledger: Ledger) -> None:
    value = received().to_bytes()
    project(ledger, [letter(value)])
    (row,) = dead_letter_store.find(ledger, DeadLetterFilter())
    assert (row.source, row.processor, row.reason) == (
        topics.UPLOADED,
        "fingerprint",
        "invalid_record",
    )
    assert (row.key, row.value, row.origin) == (b"T-1", value, "tracks.uploaded/0/3")
    assert dict(row.headers)["trace"] == b"\x00\xff"
    assert row.upload_id == received().upload_id
    assert dead_letter_store.find(ledger, DeadLetterFilter(topic=topics.DECIDED)) == []


def test_a_dead_letter_is_known_by_its_place_and_its_bytes(ledger: Ledger) -> None:
    same_place = [letter(b"first life of the broker"), letter(b"second life of the broker")]
    other_place = letter(b"first life of the broker", offset=4)
    project(ledger, [*same_place, other_place, *same_place, letter(None), letter(None)])
    assert queries.counts(ledger)["dead_letters"] == 4


def test_uploads_that_have_ended(ledger: Ledger) -> None:
    decided = decide(classified(track_id="T-2"), POLICY).decided
    buried = received("T-3").to_bytes()
    project(ledger, [message(topics.DECIDED, decided), letter(buried), letter(b'["upload_id"]')])
    asked = {decided.upload_id, received("T-3").upload_id, "upl_unknown"}
    assert ledger.ended_uploads(asked) == asked - {"upl_unknown"}
    assert ledger.ended_uploads([]) == set()


# --- questions -----------------------------------------------------------------------------


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
        latest = queries.decisions(connection, sqlalchemy.true(), 2)
    assert latest == [decisions[2], decisions[1]]
    assert queries.decision_of(ledger, decisions[0].upload_id) == decisions[0]
    assert queries.decision_of(ledger, "upl_unknown") is None


def test_a_second_policy_is_a_second_decision_and_the_later_one_counts(ledger: Ledger) -> None:
    event = classified()
    first, second = decide(event, POLICY).decided, decide(event, bundle(rule())).decided
    for at, decision in ((1, first), (2, second)):
        project(ledger, [message(topics.DECIDED, decision, timestamp_ms=at)])
    assert queries.counts(ledger)["decisions"] == 2
    assert queries.decision_of(ledger, event.upload_id) == second


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


# --- the database itself -------------------------------------------------------------------


def test_several_may_open_and_write_at_once(url: str) -> None:
    def write(number: int) -> None:
        CatalogueFixture(url).close()
        ledger = Ledger.open(url)
        for n in range(10):
            project(ledger, [message(topics.UPLOADED, received(f"T-{number}-{n}"))])
        project(ledger, whole_story())
        ledger.close()

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    assert queries.counts(Ledger.open(url))["uploads"] == 41


def test_a_locked_database_is_away_and_then_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BUSY_S", 0.1)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerAway, match="locked"):
        project(ledger, whole_story())
    assert queries.counts(ledger)["uploads"] == 0  # readers do not wait for writers
    other.rollback()
    project(ledger, whole_story())
    assert queries.counts(ledger)["uploads"] == 1


def test_a_stopped_database_is_away() -> None:
    with pytest.raises(LedgerAway):
        Ledger.open("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite:////proc/none/ledger.db"])
def test_a_wrong_url_stops(url: str) -> None:
    with pytest.raises(LedgerError, match="EARMARK_LEDGER"):
        Ledger.open(url)


def test_a_relative_sqlite_path_makes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Ledger.open("sqlite:///state/of/things/ledger.db").close()
    assert (tmp_path / "state/of/things/ledger.db").is_file()


# --- batches -------------------------------------------------------------------------------


def test_uploads_of_one_content_share_an_analysis(ledger: Ledger) -> None:
    events = [classified(track_id=f"T-{n}") for n in range(2)]
    assert len({event.analysis.analysis_id for event in events}) == 1
    project(ledger, [message(topics.CLASSIFIED, event) for event in events])
    assert queries.counts(ledger)["analyses"] == 2


def test_an_upload_needs_no_optional_field(ledger: Ledger) -> None:
    bare = Upload(track_id="T", uri="file:///a")
    event = UploadReceived(upload_id=bare.upload_id, upload=bare, uploaded_at=UPLOADED_AT)
    assert project(ledger, [message(topics.UPLOADED, event)]) == Handled([])


def test_only_its_owner_reads_a_new_database(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    files = [path for path in tmp_path.iterdir() if path.name.startswith("ledger.db")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    ledger.close()
