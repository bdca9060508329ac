"""Forgetting a track: no row and no file is left of it, and nothing of any other."""

from pathlib import Path

import orjson
import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert, select

from streams.contract import topics
from streams.contract.records import Declaration, Extent, Record
from streams.media.artefacts import ArtefactStore
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.policy.facts import Facts
from streams.runtime.settings import Settings
from streams.services.erasure import erase
from streams.services.reviews import REASONS, Form, give, take_next
from streams.stages.ledger import project
from streams.store import audit, outbox
from streams.store.account_tables import DELIVERIES, OUTBOX
from streams.store.database import Ledger
from streams.store.tables import METADATA
from tests.support import events
from tests.support.accounts import create_user
from tests.support.events import message
from tests.support.ledger_filling import row

ERASED, OTHERS = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    opened = ArtefactStore.open(f"file://{tmp_path}/store")
    for content in (ERASED, OTHERS):
        for place in (
            f"heard/v1/{content[:2]}/{content}.obs",
            f"heard/v1/{content[:2]}/{content}.json",
            f"provenance/abc/{content[:2]}/{content}.json",
            f"pictures/m/{content[:2]}/{content}.png",
            f"uploads/{content[:2]}/{content}",
        ):
            opened.keep_file(place, b"x")
    return opened


def files(store: ArtefactStore) -> set[str]:
    return {str(path) for path in Path(store.root).rglob("*") if path.is_file()}


def story(ledger: Ledger, track_id: str, content: str, number: int) -> None:
    """Let a track go the whole way, with everything that people can do about it."""
    undisclosed = Declaration(contains_ai="None")
    event = events.classified(track_id=track_id, declared=undisclosed).model_copy(
        update={"content_sha256": content}
    )
    event = event.model_copy(
        update={
            "analysis": event.analysis.model_copy(update={"analysis_id": f"ana_{number}"}),
        }
    )
    decoded = events.fingerprinted(track_id).model_copy(
        update={"content_sha256": content, "upload_id": event.upload_id, "upload": event.upload}
    )
    arrived = events.received(track_id, declared=undisclosed)
    messages: list[tuple[str, Record]] = [
        (topics.UPLOADED, arrived),
        (topics.FINGERPRINTED, decoded),
        (topics.CLASSIFIED, event),
    ]
    decision = decide(event, load(Settings().policy), Facts(at=event.uploaded_at))
    messages += [(out.topic, out.record) for out in decision.outputs()]
    appeal = events.appeal(
        track_id=track_id, upload_id=event.upload_id, change_id=f"apc_{number}", appeal_id=track_id
    )
    messages.append((topics.APPEALS_CHANGED, appeal))
    handled = project(
        ledger,
        [message(topic, one, 10 * number + place) for place, (topic, one) in enumerate(messages)],
    )
    assert not handled.refused
    user = create_user(ledger, f"anna-{number}", "reviewer")
    with ledger.transaction() as connection:
        outbox.put(connection, topics.UPLOADED, arrived)
        body = {"delivery_id": "d", "event": topics.DECIDED, "data": decision.decided.model_dump()}
        ledger.add(
            connection,
            [
                row(
                    DELIVERIES,
                    delivery_id=track_id,
                    body=orjson.dumps(body).decode(),
                    attempts=0,
                    status=None,
                )
            ],
        )
    task_id = take_next(ledger, user)
    assert task_id is not None
    give(ledger, task_id, user, Form("f", "correct", (next(iter(REASONS)),), Extent.NONE))


def mentions(ledger: Ledger, track_id: str) -> set[str]:
    """Return the tables in which the id stands anywhere."""
    tables = set()
    with ledger.reading() as connection:
        for table in METADATA.sorted_tables:
            for item in connection.execute(select(table)):
                if any(track_id in str(bytes(v) if isinstance(v, memoryview) else v) for v in item):
                    tables.add(table.name)
    return tables


def test_nothing_is_left_of_a_track_but_what_is_told(ledger: Ledger, store: ArtefactStore) -> None:
    catalogue = Table("catalogue_tracks", MetaData(), Column("track_id", Text))
    with ledger.transaction() as connection:
        catalogue.create(connection)
        connection.execute(insert(catalogue), [{"track_id": "T-one"}, {"track_id": "T-other"}])
    story(ledger, "T-one", ERASED, 1)
    story(ledger, "T-other", OTHERS, 2)
    others = mentions(ledger, "T-other")
    assert others >= {"uploads", "decisions", "verdicts", "appeals", "task_states", OUTBOX.name}
    before = files(store)

    dry_run = erase(ledger, store, ["T-one"], who="test", really=False)
    assert (mentions(ledger, "T-one"), files(store)) == (others, before), "it only tells"

    done = erase(ledger, store, ["T-one"], who="test", really=True)
    assert done.rows == dry_run.rows
    assert done.rows["catalogue_tracks"] == 1
    assert mentions(ledger, "T-one") <= {"audit_log"}
    assert mentions(ledger, "T-other") == others
    assert before - files(store) == {one for one in before if ERASED in one}
    assert len(done.files) == 5
    assert audit.verify(ledger).entries, "and the chain of the audit log holds"
    again = erase(ledger, store, ["T-one"], who="test", really=True)
    assert (dry_run.unknown, again.unknown) == ((), ("T-one",))
    assert (sum(again.rows.values()), again.files) == (0, ())


def test_a_content_that_others_have_stays(ledger: Ledger, store: ArtefactStore) -> None:
    story(ledger, "T-one", ERASED, 1)
    story(ledger, "T-other", ERASED, 2)
    before = files(store)
    done = erase(ledger, store, ["T-one"], who="test", really=True)
    assert (done.files, done.shared) == ((), (ERASED,))
    assert files(store) == before
