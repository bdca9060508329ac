"""What models answered, candidates included."""

from streams.contract import topics
from streams.contract.records import Outcome
from streams.stages.ledger import project
from streams.store import rescores
from streams.store.database import Ledger
from tests.support.events import MODEL, NEXT_MODEL, classified, message, rescored

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
