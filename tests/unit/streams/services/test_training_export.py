"""What reviewers decided, as a manifest for training."""

import csv
import io
from dataclasses import replace
from typing import Any

import sqlalchemy

from streams.contract import topics
from streams.contract.records import Extent
from streams.services import reviews, training_export
from streams.stages.ledger import project
from streams.store import queries
from streams.store.database import Ledger
from tests.support.accounts import create_user
from tests.support.events import fingerprinted, message
from tests.support.exported import filled
from tests.support.review_helpers import form
from tests.support.stories import hear, tell


def test_only_what_may_be_used_becomes_a_lesson(ledger: Ledger) -> None:
    ada = filled(ledger)
    decoded = fingerprinted("T-1")
    with ledger.reading() as connection:
        ids = sqlalchemy.text("SELECT upload_id FROM uploads ORDER BY track_id")
        first, second = connection.scalars(ids).all()
    for upload_id, sha in ((first, "a" * 64), (second, "b" * 64)):
        update = {"upload_id": upload_id, "content_sha256": sha}
        project(ledger, [message(topics.FINGERPRINTED, decoded.model_copy(update=update))])
    task_id = reviews.take_next(ledger, ada)
    assert task_id is not None
    reviews.give(ledger, task_id, ada, form(Extent.ALL))  # not allowed for training
    out = io.StringIO()
    assert training_export.write(ledger, out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["label"], row["sha256"], row["path"]) == ("human", "a" * 64, "/audio/one.wav")
    assert queries.counts(ledger)["verdicts"] == 2


def test_no_cell_of_the_manifest_is_a_formula_or_an_escape(ledger: Ledger) -> None:
    upload: dict[str, Any] = {"distributor": "=1+1", "uri": "https://a.example/\x1b[2J.wav"}
    decided, requested = tell(ledger, '=HYPERLINK("http://evil.test")', **upload)
    hear(ledger, decided, decided.content_sha256)
    assert requested is not None
    ada = create_user(ledger, "ada", "lead")
    reviews.take(ledger, requested.task_id, ada)
    allowed = replace(form(Extent.ALL), training_use_allowed=True)
    reviews.give(ledger, requested.task_id, ada, allowed)
    out = io.StringIO()
    assert training_export.write(ledger, out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (row["lineage"], row["source_repo"]) == ('\'=HYPERLINK("http://evil.test")', "'=1+1")
    assert "\x1b" not in out.getvalue()
