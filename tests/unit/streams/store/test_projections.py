"""Rows of events, whatever their order, on both databases."""

from dataclasses import replace
from datetime import timedelta

import orjson
import sqlalchemy

from streams.contract import topics
from streams.contract.records import (
    ModelRef,
    Upload,
    UploadReceived,
)
from streams.policy.decide import decide
from streams.runtime.kafka.handler import Handled
from streams.stages.ledger import project
from streams.store import dead_letter_store, queries, track_list
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetterFilter
from streams.store.tables import LABELS, UPLOADS
from tests.support.events import (
    UPLOADED_AT,
    classified,
    message,
    received,
)
from tests.support.ledger_rows import ONCE, POLICY, letter, whole_story


def test_every_topic_has_its_rows(ledger: Ledger) -> None:
    assert project(ledger, whole_story()) == Handled([])
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


def test_the_effective_label_is_marked(ledger: Ledger) -> None:
    project(ledger, whole_story())
    with ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(LABELS.c.source, LABELS.c.effective)).all()
    assert sorted(map(tuple, rows)) == [("declaration", False), ("detector", True)]


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


def test_uploads_of_one_content_share_an_analysis(ledger: Ledger) -> None:
    events = [classified(track_id=f"T-{n}") for n in range(2)]
    assert len({event.analysis.analysis_id for event in events}) == 1
    project(ledger, [message(topics.CLASSIFIED, event) for event in events])
    assert queries.counts(ledger)["analyses"] == 2


def test_an_upload_needs_no_optional_field(ledger: Ledger) -> None:
    bare = Upload(track_id="T", uri="file:///a")
    event = UploadReceived(upload_id=bare.upload_id, upload=bare, uploaded_at=UPLOADED_AT)
    assert project(ledger, [message(topics.UPLOADED, event)]) == Handled([])
