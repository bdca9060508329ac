"""What the metrics count of a decision."""

from prometheus_client import REGISTRY

from streams.contract.records import Declaration
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.policy.facts import Facts
from streams.runtime.settings import Settings
from streams.services.decision_metrics import count_decision
from tests.support import events


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_decision_that_rests_on_an_agreement_is_counted() -> None:
    tool = {"name": "songmaker", "agreement_id": "AGR-1"}
    event = events.classified(
        declared=Declaration.model_validate({"contains_ai": "All", "tools": [tool]})
    )
    records = decide(
        event, load(Settings().policy), Facts(at=event.uploaded_at, entries=(events.agreement(),))
    )
    assert records.decided.rights, "the story is about one that rests on an entry"
    used = records.decided.rights[0]
    names = {"purpose": used.purpose, "status": used.status}
    before = value("earmark_decisions_on_agreements_total", **names)
    usages = sum(
        value("earmark_usages_total", basis=item.basis, ended="false")
        for item in records.usages[:1]
    )
    count_decision(records)
    assert value("earmark_decisions_on_agreements_total", **names) == before + 1
    for item in records.usages[:1]:
        assert value("earmark_usages_total", basis=item.basis, ended="false") > usages
    assert records.usages
    assert records.credits is not None
    assert value("earmark_credits_total") >= 1
