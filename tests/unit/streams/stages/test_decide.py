import asyncio
from datetime import timedelta
from pathlib import Path

from prometheus_client import REGISTRY

from streams.contract import topics
from streams.contract.records import (
    Declaration,
    Outcome,
    ReviewRequested,
    TrackClassified,
    TrackDecided,
    TrackLabelled,
    parse,
)
from streams.contract.records.policy import StatementWritten
from streams.contract.records.rights import CreditsDerived
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.health import Health
from streams.runtime.settings import Settings
from streams.stages.decide import DECIDE
from tests.support.events import CONTENT, MODEL, SAMPLE_TOOL, UPLOADED_AT, classified, message
from tests.support.policies import bundle, rule

POLICY = load(Settings().policy)
MISMATCH = classified(declared=Declaration(contains_ai="None"))


def test_every_record_says_which_model_and_which_policy() -> None:
    records = decide(MISMATCH, POLICY)
    labelled, decided, requested = records.labelled, records.decided, records.requested
    assert requested is not None
    for record in (labelled, decided, requested):
        assert record.model == MODEL
        assert record.policy == POLICY.ref
        assert record.upload_id == MISMATCH.upload_id
        assert record.track_id == "T-1"


def test_the_records_point_at_each_other() -> None:
    records = decide(MISMATCH, POLICY)
    labelled, decided, requested = records.labelled, records.decided, records.requested
    assert requested is not None
    assert labelled.effective in labelled.labels
    assert decided.label == labelled.effective
    assert decided.content_sha256 == labelled.content_sha256 == CONTENT
    assert decided.review_task_id == requested.task_id
    assert requested.decision_id == decided.decision_id
    assert requested.requested_for == decided.uploaded_at == UPLOADED_AT
    assert requested.reason_codes == ("R-DISCLOSURE-MISMATCH",)
    assert decided.automation == "partially"


def test_without_doubt_there_is_no_review() -> None:
    records = decide(classified(Outcome.NO_TRACE, p_value=0.7), POLICY)
    decided, requested = records.decided, records.requested
    assert requested is None
    assert decided.review_task_id is None
    assert decided.automation == "fully"
    assert decided.rules == ()


def test_licensed_ai_is_labelled_and_bears_no_penalty() -> None:
    declared = Declaration(contains_ai="All", tools=(SAMPLE_TOOL,))
    records = decide(classified(declared=declared), POLICY)
    decided = records.decided
    assert decided.label.licensed
    assert decided.label.agreement_id == "AGR-SAMPLE-1"
    assert decided.actions.display == "ai_badge"
    assert decided.actions.recommendation == "allow"
    assert "R-LICENSED" in {hit.reason_code for hit in decided.rules}


def test_the_same_input_gives_the_same_bytes() -> None:
    again = parse(TrackClassified, MISMATCH.to_bytes())
    first, second = decide(MISMATCH, POLICY), decide(again, load(Settings().policy))
    assert [o.record.to_bytes() for o in first.outputs()] == [
        o.record.to_bytes() for o in second.outputs()
    ]


def test_ids_change_with_upload_content_analysis_and_policy_and_nothing_else() -> None:
    changed = [
        MISMATCH.model_copy(update={"upload_id": "upl_other"}),
        MISMATCH.model_copy(update={"content_sha256": "a" * 64}),
        MISMATCH.model_copy(
            update={"analysis": MISMATCH.analysis.model_copy(update={"analysis_id": "ana_2"})}
        ),
    ]
    answer = [decide(event, POLICY) for event in (MISMATCH, *changed)]
    answer.append(
        decide(MISMATCH, bundle(rule(requires="human", review={"queue": "q", "priority": 1})))
    )
    assert len({records.labelled.effective.label_id for records in answer}) == len(answer)
    assert len({records.decided.decision_id for records in answer}) == len(answer)
    assert len({records.decided.review_task_id for records in answer}) == len(answer)
    later = MISMATCH.model_copy(update={"uploaded_at": UPLOADED_AT + timedelta(days=1)})
    assert decide(later, POLICY).decided.decision_id == answer[0].decided.decision_id


def test_the_processor_publishes_in_order_and_counts(tmp_path: Path) -> None:
    def counted(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    settings = Settings(ledger=f"sqlite:///{tmp_path}/ledger.db")

    async def handled() -> list[tuple[str, type]]:
        async with DECIDE.open(settings, Health()) as handler:
            outputs = (await handler([message(topics.CLASSIFIED, MISMATCH)])).outputs
            return [(output.topic, type(output.record)) for _, output in outputs]

    names = [
        ("earmark_decisions_total", {"extent": "All", "restricted": "false"}),
        ("earmark_reviews_requested_total", {"queue": "disclosure"}),
        ("earmark_actions_total", {"dimension": "display", "action": "ai_badge"}),
        ("earmark_upload_to_decision_seconds_count", {}),
    ]
    before = [counted(name, **labels) for name, labels in names]
    assert asyncio.run(handled()) == [
        (topics.LABELLED, TrackLabelled),
        (topics.DECIDED, TrackDecided),
        (topics.REVIEWS_REQUESTED, ReviewRequested),
        (topics.STATEMENTS_WRITTEN, StatementWritten),
        (topics.CREDITS_DERIVED, CreditsDerived),
    ]
    assert [counted(name, **labels) for name, labels in names] == [one + 1 for one in before]
    assert (DECIDE.name, DECIDE.source) == ("decide", topics.CLASSIFIED)
