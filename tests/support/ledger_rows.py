"""Helpers of the tests beside test_database.py."""

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    DecisionApplied,
    Declaration,
    InvalidRecord,
    RuleHit,
)
from streams.contract.records.policy import PolicyShadowed
from streams.contract.records.rights import UsageAttributed
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.store.tables import METADATA
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
    rescored,
    rescoring,
    verdict,
)

POLICY = load(Settings().policy)
TABLES = [table.name for table in METADATA.sorted_tables if not table.info.get("people")]
ONCE = dict.fromkeys(TABLES, 1) | {"labels": 2, "dead_letter_actions": 0, "subjects": 0}
"""The rows of ``whole_story``, by table."""


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
        topics.RESCORING: rescoring(),
        topics.RESCORED: rescored(),
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
