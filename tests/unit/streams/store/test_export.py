"""Export, restore, verify, and the manifest of what reviewers decided; on both databases."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import Extent
from streams.services import reviews, training_export
from streams.services.accounts import keys
from streams.services.accounts.users import User
from streams.services.ledger_verification import faults
from streams.stages.ledger import project
from streams.store import audit, queries
from streams.store.database import Ledger
from streams.store.export import BadExport, all_rows, export, restore, tables
from tests.support.accounts import create_user
from tests.support.events import fingerprinted, message
from tests.support.ledger_rows import letter
from tests.support.review_helpers import form
from tests.support.stories import a_task, tell


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()


def filled(ledger: Ledger) -> User:
    ada = create_user(ledger, "Ada", "reviewer", "x" * 12)
    keys.create(ledger, "pipeline", "ingest", ada.user_id)
    task_id = a_task(ledger, title="NUL \0 and 🎵")
    tell(ledger, "T-2")
    project(ledger, [letter(b"\x00\xff not a record"), letter(None)])
    reviews.take(ledger, task_id, ada)
    reviews.give(ledger, task_id, ada, form(Extent.NONE, training_use_allowed=True))
    return ada


def content(ledger: Ledger) -> dict[str, list[dict[str, object]]]:
    with ledger.reading() as connection:
        return {
            table.name: [
                {
                    name: bytes(value) if isinstance(value, memoryview) else value
                    for name, value in row.items()
                }
                for row in all_rows(connection, table)
            ]
            for table in tables()
        }


def test_what_was_exported_is_restored_to_the_letter(ledger: Ledger, tmp_path: Path) -> None:
    filled(ledger)
    out = io.BytesIO()
    counts = export(ledger, out)
    assert counts["uploads"] == 2
    assert b"sessions" not in out.getvalue().split(b"\n")[0]
    other = Ledger.open(f"sqlite:///{tmp_path}/other.db")
    for _ in range(2):
        out.seek(0)
        new = restore(other, out)
    assert sum(new.values()) == 0  # the second time there was nothing to add
    assert content(other) == content(ledger)
    assert audit.verify(other) == audit.verify(ledger)
    assert list(faults(other)) == []
    other.close()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"not json\n", b"[]\n", b'{"earmark_ledger": "9999", "tables": []}\n',
        b'{"earmark_ledger": "0001", "tables": []}\n{"table": "users"}\n',
        b'{"earmark_ledger": "0001", "tables": []}\n{"table": "nobody", "row": {}}\n',
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(ledger: Ledger, text: bytes) -> None:
    with pytest.raises(BadExport):
        restore(ledger, io.BytesIO(text))


def test_a_ledger_that_fits_has_no_faults(ledger: Ledger) -> None:
    filled(ledger)
    assert list(faults(ledger)) == []


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE decisions SET extent = 'None'", "decisions"),
        ("UPDATE uploads SET title = 'another' WHERE track_id = 'T-2'", "uploads"),
        ("UPDATE verdicts SET record = '{}'", "verdicts"),
        ("DELETE FROM task_states", "review tasks"),
        ("DELETE FROM uploads", "decisions"),
        ("UPDATE outbox SET created_at = '2026-01-01 00:00:00'", "outbox"),
    ],
)
def test_what_does_not_fit_is_named(ledger: Ledger, statement: str, kind: str) -> None:
    filled(ledger)
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text(statement))
    assert kind in {fault.kind for fault in faults(ledger)}


def test_only_what_may_be_used_becomes_a_lesson(ledger: Ledger) -> None:
    ada = filled(ledger)
    heard = fingerprinted("T-1")
    with ledger.reading() as connection:
        ids = sqlalchemy.text("SELECT upload_id FROM uploads ORDER BY track_id")
        first, second = connection.scalars(ids).all()
    for upload_id, sha in ((first, "a" * 64), (second, "b" * 64)):
        update = {"upload_id": upload_id, "content_sha256": sha}
        project(ledger, [message(topics.FINGERPRINTED, heard.model_copy(update=update))])
    task_id = reviews.take_next(ledger, ada)
    assert task_id is not None
    reviews.give(ledger, task_id, ada, form(Extent.ALL))  # not allowed for training
    out = io.StringIO()
    assert training_export.write(ledger, out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["label"], row["sha256"], row["path"]) == ("human", "a" * 64, "/audio/one.wav")
    assert queries.counts(ledger)["verdicts"] == 2
