"""A track that is delivered again and again gets its later decisions, on both brokers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.contract import topics
from streams.contract.records import Declaration, Extent, Tool, TrackDecided
from streams.contract.records.reviews import AppealOutcome
from streams.ops.embedded_broker import EmbeddedBroker
from streams.store import monitoring
from tests.pipeline.installation import Installation, installed
from tests.support.events import agreement, appeal, classified, verdict
from tests.support.kafka import apache_kafka

pytestmark = pytest.mark.pipeline

DECLARED = Declaration(contains_ai="All", tools=(Tool(name="Songmaker", agreement_id="AGR-1"),))
NO_AI = AppealOutcome(extent=Extent.NONE, reasons="The stems are played by hand.")


@pytest.fixture(params=("tansu", "kafka"))
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    broker = (
        apache_kafka(tmp_path / "kafka")
        if request.param == "kafka"
        else EmbeddedBroker(log_file=tmp_path / "tansu.log")
    )
    with broker as running, installed(tmp_path, running.bootstrap) as started:
        yield started


def test_verdict_revocation_and_appeal_end_in_the_catalogue(installation: Installation) -> None:
    event = classified(declared=DECLARED)
    first = event.uploaded_at

    def deliver(minutes: int) -> TrackDecided:
        again = event.model_copy(update={"uploaded_at": first + timedelta(minutes=minutes)})
        installation.tell(topics.CLASSIFIED, again)
        return installation.until(lambda one: one.uploaded_at == again.uploaded_at)

    installation.tell(topics.RIGHTS_CHANGED, agreement())
    installation.registered("AGR-1")
    assert deliver(0).label.licensed
    assert deliver(1).label.licensed
    installation.tell(topics.RIGHTS_CHANGED, agreement(2, permission="revoked"))
    revoked = installation.until(lambda one: not one.label.licensed)
    assert revoked.actions.recommendation == "exclude_algorithmic"
    deliver(2)
    about = {"upload_id": event.upload_id, "decision_id": revoked.decision_id}
    installation.tell(topics.REVIEWS_DECIDED, verdict(**about))
    reviewed = installation.until(lambda one: one.verdict_id is not None)
    assert (reviewed.label.extent, reviewed.label.source) == ("Partly", "reviewer")
    deliver(3)
    deliver(3)
    overturned = appeal(sequence=1, state="overturned", outcome=NO_AI, **about)
    installation.tell(topics.APPEALS_CHANGED, overturned)
    ended = installation.until(lambda one: one.appeal_id is not None)
    for decided in (ended, deliver(4)):
        assert (decided.label.extent, decided.label.source) == ("None", "appeal")
    with installation.ledger.reading() as connection:
        after = monitoring.not_in_effect(datetime.now(UTC) + timedelta(minutes=1))
        assert [row.why for row in connection.execute(after) if row.why != "silent"] == []
