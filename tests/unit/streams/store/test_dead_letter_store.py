"""Dead letters as rows: filters, groups, and what a replay needs; on both databases."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from streams.contract import topics
from streams.stages.ledger import project
from streams.store import dead_letter_store, queries
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetterFilter
from tests.support.buried import NOW, buried, source, stored
from tests.support.events import received
from tests.support.ledger_rows import letter


def test_filters(ledger: Ledger) -> None:
    messages = [
        buried(source("T-1", 1)),
        buried(source("T-2", 2), reason="too_large", at=NOW + 1_000),
        buried(source("T-3", 3, topic=topics.DECIDED), processor="catalogue", at=NOW + 2_000),
        buried(source("T-4", 4), at=NOW + 3_000),
    ]
    project(ledger, messages)
    at = datetime.fromtimestamp((NOW + 1_000) / 1_000, UTC)

    def tracks(**filters: Any) -> list[str | None]:
        return [one.track_id for one in stored(ledger, **filters)]

    assert tracks() == ["T-1", "T-2", "T-3", "T-4"]
    assert tracks(topic=topics.DECIDED) == tracks(topic=topics.dead(topics.DECIDED)) == ["T-3"]
    assert tracks(reason="too_large") == tracks(processor="fingerprint", since=at)[:1] == ["T-2"]
    assert tracks(since=at) == ["T-2", "T-3", "T-4"]
    assert tracks(until=at) == ["T-1"]
    assert tracks(upload_id=received("T-4").upload_id) == tracks(track_id="T-4") == ["T-4"]
    assert tracks(track_id="T-4", reason="too_large") == []
    assert [one.track_id for one in dead_letter_store.find(ledger, DeadLetterFilter(), 2)] == [
        "T-3",
        "T-4",
    ]
    assert DeadLetterFilter(status="open").matches_all
    assert not DeadLetterFilter(reason="too_large").matches_all
    groups = dead_letter_store.groups(ledger, DeadLetterFilter(status="open"))
    assert [(group.count, group.reason, group.processor) for group in groups] == [
        (2, "missing_file", "fingerprint"),
        (1, "missing_file", "catalogue"),
        (1, "too_large", "fingerprint"),
    ]
    assert groups[0].oldest == datetime.fromtimestamp(NOW / 1_000, UTC)


def test_a_dead_letter_belongs_to_no_other_track(ledger: Ledger) -> None:
    keys = (b"T\x00", b"T\xff", b"", b" ")
    project(ledger, [replace(letter(bytes([n])), key=key) for n, key in enumerate(keys)])
    rows = dead_letter_store.find(ledger, DeadLetterFilter())
    assert {row.key for row in rows} == set(keys)
    assert {row.track_id for row in rows} == {None}


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
