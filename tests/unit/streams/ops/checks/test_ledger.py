"""Metrics of the monitor about what lies in the ledger: registry, decisions, tasks, quality."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from streams.contract.records import Extent
from streams.contract.records.reviews import VerdictOutcome
from streams.contract.records.rights import RightsChanged
from streams.ops.checks.ledger import measure_open_work, measure_quality, measure_registry
from streams.runtime.settings import Settings
from streams.services.reviews import REASONS, Form, give, take
from streams.services.signed_links import LinkSigner
from streams.services.statement_delivery import StatementSender, remove_address, set_address
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger
from streams.store.tables import APPLIED, DECISIONS, RIGHTS
from streams.store.track_facts import TrackFacts
from tests.support import events
from tests.support.accounts import create_user
from tests.support.ledger_filling import row
from tests.support.mail import restrict
from tests.support.stories import a_task


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
    registry = TrackFacts(ledger)
    measure_registry(registry)
    stand = {one: value("earmark_agreements", state=one) for one in ("in_force", "expired")}
    assert stand == {"in_force": 3, "expired": 1}
    assert value("earmark_agreements", state="disputed") == 1
    ending = [value("earmark_agreements_ending", within=one) for one in ("7d", "30d", "90d")]
    assert ending == [1, 1, 2]
    assert value("earmark_opt_outs", source="gema") == 1
    assert value("earmark_opt_outs", source="direct") == 0, "that one has ended"
    write("A-1", version=2, permission="revoked")
    measure_registry(registry)
    assert value("earmark_agreements", state="revoked") == 1, "the highest version speaks"
    assert value("earmark_agreements", state="in_force") == 2
    ledger.close()


BOUNDS = ("low", "share", "high")


OPEN = {"state": "open", "kind": "review"}


def test_what_waits_in_the_ledger_is_counted(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    now = datetime.now(UTC)
    long_ago, lately = now - timedelta(minutes=20), now - timedelta(minutes=1)
    ledger.write(
        [
            row(DECISIONS, decision_id="answered", recorded_at=long_ago),
            row(APPLIED, decision_id="answered"),
            row(DECISIONS, decision_id="silent", recorded_at=long_ago),
            row(DECISIONS, decision_id="fresh", recorded_at=lately),
            row(TASK_STATES, task_id="one", queue="appeals", opened_at=long_ago, **OPEN),
            row(TASK_STATES, task_id="two", queue="appeals", opened_at=lately, **OPEN),
        ]
    )
    measure_open_work(ledger, Settings())
    ledger.close()
    assert value("earmark_decisions_unapplied", processor="catalogue") == 1
    assert value("earmark_review_tasks_open", queue="appeals") == 2
    oldest = value("earmark_review_task_oldest_seconds", queue="appeals")
    assert oldest == pytest.approx(1200, abs=30)
    assert value("earmark_review_sla_seconds") == 48 * 3_600
    assert value("earmark_appeals_open", state="received") == 0


def test_quality_is_measured_on_verdicts(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    anna = create_user(ledger, "anna", "reviewer")
    outcomes: tuple[VerdictOutcome, ...] = ("confirm", "confirm", "correct")
    for number, outcome in enumerate(outcomes):
        task_id = a_task(ledger, f"T-{number}")
        take(ledger, task_id, anna)
        extent = Extent.NONE if outcome == "correct" else Extent.ALL
        give(ledger, task_id, anna, Form(f"f{number}", outcome, (next(iter(REASONS)),), extent))
    measure_quality(ledger)
    ledger.close()
    labels = {"measure": "overturned_by_model", "of": "clock-1"}
    shares = [value("earmark_quality_share", **labels, bound=one) for one in BOUNDS]
    assert shares == [
        pytest.approx(0.061, abs=0.01),
        pytest.approx(1 / 3),
        pytest.approx(0.792, abs=0.01),
    ]
    assert value("earmark_quality_cases", **labels) == 3


def test_statements_that_wait_or_failed_are_counted(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    set_address(ledger, "D-1", "desk@label.example", language="en", digest=False, by="ada")
    restrict(ledger)
    measure_open_work(ledger, Settings())
    open_statements = "earmark_statements_undelivered"
    assert value(open_statements, state="waiting") == 1
    assert value(f"{open_statements}_oldest_seconds", state="waiting") > 0
    assert value(f"{open_statements}_oldest_seconds", state="refused") == 0
    remove_address(ledger, "D-1", by="ada")
    StatementSender(ledger, None, LinkSigner((), "", 1)).send_due()
    measure_open_work(ledger, Settings())
    assert value(open_statements, state="waiting") == 0
    assert value(open_statements, state="no_address") == 1
