"""What models answered, candidates included."""

import threading
from pathlib import Path

from streams.contract import topics
from streams.contract.records import Outcome
from streams.media.artefacts import ArtefactStore
from streams.services.erasure import erase
from streams.stages.ledger import project
from streams.store import queries, rescores
from streams.store.database import Ledger
from streams.store.projections import rows_of
from tests.support.events import (
    MODEL,
    NEXT_MODEL,
    classified,
    fingerprinted,
    message,
    received,
    rescored,
)

UPLOAD = classified().upload_id


def test_the_latest_answer_of_each_model_is_returned(ledger: Ledger) -> None:
    assert rescores.answers(ledger, [UPLOAD], MODEL.digest) == {}
    event, candidate = classified(Outcome.NO_TRACE), rescored()
    project(ledger, [message(topics.CLASSIFIED, event), message(topics.RESCORED, candidate)])
    both = rescores.answers(ledger, [UPLOAD, "other"], MODEL.digest, NEXT_MODEL.digest)
    answers = {MODEL.digest: event.analysis, NEXT_MODEL.digest: candidate.analysis}
    assert both == {UPLOAD: answers}
    assert rescores.answers(ledger, [UPLOAD], NEXT_MODEL.digest) == {
        UPLOAD: {NEXT_MODEL.digest: candidate.analysis}
    }
    later = rescored(outcome=Outcome.IDENTIFIED)
    later = later.model_copy(
        update={"analysis": later.analysis.model_copy(update={"analysis_id": "ana_3"})}
    )
    project(ledger, [message(topics.RESCORED, later, 1, timestamp_ms=1_900_000_000_000)])
    (answer,) = rescores.answers(ledger, [UPLOAD], NEXT_MODEL.digest).values()
    assert answer[NEXT_MODEL.digest].outcome is Outcome.IDENTIFIED
    service = classified(Outcome.NO_TRACE)  # what it answered when it decided, long ago
    service = service.model_copy(
        update={"analysis": service.analysis.model_copy(update={"model": NEXT_MODEL})}
    )
    other = service.model_copy(update={"content_sha256": "e" * 64})
    analysed = other.analysis.model_copy(update={"analysis_id": "ana_0"})
    other = other.model_copy(update={"analysis": analysed})
    project(ledger, [message(topics.CLASSIFIED, other, 2, timestamp_ms=1_700_000_000_000)])
    (answer,) = rescores.answers(ledger, [UPLOAD], NEXT_MODEL.digest).values()
    assert answer[NEXT_MODEL.digest].outcome is Outcome.IDENTIFIED


def test_an_answer_about_a_track_that_was_erased_meanwhile_is_no_row(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Between the look of ``rescore`` and its answer; a redelivered track has its answer."""
    replacing = classified(Outcome.NO_TRACE).model_copy(update={"replaces": "ana_1"})
    unread = rescored("T-2")  # of a ledger that has not read its decoded event yet
    answers = [
        message(topics.CLASSIFIED, replacing),
        message(topics.RESCORED, rescored(), 1),
        message(topics.RESCORED, unread, 2),
    ]
    decoded = message(topics.FINGERPRINTED, fingerprinted())
    project(ledger, [message(topics.UPLOADED, received()), decoded])
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    erase(ledger, store, ["T-1"], who="test", really=True)
    handled = project(ledger, answers)
    assert list(handled.outputs) == [], "nothing is reopened"
    left = {name: count for name, count in queries.counts(ledger).items() if count}
    assert left == {"rescores": 1}
    project(ledger, [decoded])
    assert [one.topic for _, one in project(ledger, answers).outputs] == [topics.REOPENED]
    assert queries.counts(ledger)["analyses"] == 1
    assert queries.counts(ledger)["rescores"] == 2


def test_an_erasure_waits_for_answers_that_are_being_stored(ledger: Ledger, tmp_path: Path) -> None:
    """On PostgreSQL it would otherwise delete before they are there to be seen."""
    project(ledger, [message(topics.FINGERPRINTED, fingerprinted())])
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    rows = rows_of(message(topics.RESCORED, rescored()))
    erasing = threading.Thread(
        target=erase, args=(ledger, store, ["T-1"]), kwargs={"who": "test", "really": True}
    )
    with ledger.transaction() as connection:
        assert rescores.erased(connection, rows) == set()
        erasing.start()
        erasing.join(1)
        ledger.add(connection, rows)
    erasing.join()
    assert not any(queries.counts(ledger).values())
