"""Metrics of the monitor about the registry and the decisions based on it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from streams.contract.records import Declaration
from streams.contract.records.rights import RightsChanged
from streams.ops.checks.ledger import RegistryGauges
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.policy.facts import Facts
from streams.runtime.settings import Settings
from streams.services.decision_metrics import count_decision
from streams.store.database import Ledger
from streams.store.tables import RIGHTS
from tests.support import events
from tests.support.ledger_filling import row


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_agreements_are_counted_by_state_and_by_when_they_end(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    today = datetime.now(UTC).date()

    def write(agreement: str, version: int = 1, **fields: Any) -> None:
        earlier = {"agreement_id": agreement, "valid_from": today - timedelta(days=400), **fields}
        changed = RightsChanged.model_validate(
            events.agreement(**earlier).model_dump()
            | {"version": version, "entry_id": f"rgt_{agreement}"}
        )
        ledger.write(
            [
                row(
                    RIGHTS,
                    entry_id=changed.entry_id,
                    version=version,
                    changed_at=changed.changed_at + timedelta(seconds=version),
                    record=changed.to_bytes().decode(),
                    valid_from=None,
                    valid_until=None,
                )
            ]
        )

    write("A-1")
    write("A-2", valid_until=today + timedelta(days=5), territories=("DE",))
    write("A-3", valid_until=today + timedelta(days=60))
    write("A-4", valid_until=today - timedelta(days=5))
    write("A-5", verification="disputed")
    write("A-6", permission="opt_out", source="gema")
    write("A-7", permission="opt_out", valid_until=today - timedelta(days=5))
    seen = RegistryGauges()
    seen.measure(ledger)
    stand = {one: value("earmark_agreements", state=one) for one in ("in_force", "expired")}
    assert stand == {"in_force": 3, "expired": 1}
    assert value("earmark_agreements", state="disputed") == 1
    ending = [value("earmark_agreements_ending", within=one) for one in ("7d", "30d", "90d")]
    assert ending == [1, 1, 2]
    assert value("earmark_opt_outs", source="gema") == 1
    assert value("earmark_opt_outs", source="direct") == 0, "that one has ended"
    write("A-1", version=2, permission="revoked")
    seen.measure(ledger)
    assert value("earmark_agreements", state="revoked") == 1, "the highest version speaks"
    assert value("earmark_agreements", state="in_force") == 2
    ledger.close()


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
