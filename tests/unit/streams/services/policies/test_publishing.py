"""Releasing policies: two people, no restart, a wrong one changes nothing; breakers; back-tests."""

import json

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import parse
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.services.policies.publishing import (
    NotReleased,
    UnknownRule,
    approver,
    release,
    running,
    switch_rule,
)
from streams.stages.ledger import project
from streams.store import policy_releases as policies_module
from streams.store.account_tables import AUDIT, OUTBOX
from streams.store.database import Ledger
from streams.store.outbox import Relay
from streams.store.policy_releases import Policies, changes_of
from streams.store.track_facts import TrackFacts
from tests.support.accounts import create_user
from tests.support.events import message
from tests.support.publishing_helpers import LIVE, TEXT, text_with


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies_module, "LOOK_S", -1.0)


def tell(ledger: Ledger, *records: PolicyChanged) -> None:
    project(ledger, [message(topics.POLICIES_CHANGED, one) for one in records])


def released(text: str, by: str, ledger: Ledger) -> PolicyChanged:
    return release(Settings(), ledger, parse(text, "policy"), text, by, "why").changed


def test_what_is_on_trial_takes_one_and_a_restriction_two(ledger: Ledger, quick: None) -> None:
    policies = Policies(Settings().policy, ledger)
    assert released(text_with("shadow", "3.1.0"), "alice", ledger).state == "live"
    assert policies.current().version == "3.1.0"
    live = text_with("live", "3.2.0")
    assert released(live, "alice", ledger).state == "proposed"
    assert released(live, "alice", ledger).state == "proposed"  # another person must approve
    assert policies.current().version == "3.1.0"
    second = released(live, "bob", ledger)
    assert (second.state, second.approved_by) == ("live", ("alice", "bob"))
    assert policies.current().version == "3.2.0"


@pytest.mark.parametrize("name", ["Alice", " alice", "ALICE\u00a0"])
def test_one_person_is_one_however_the_name_is_spelt(ledger: Ledger, name: str) -> None:
    live = text_with("live", "3.1.0")
    assert released(live, "alice", ledger).state == "proposed"
    again = released(live, approver(ledger, name)[0], ledger)
    assert (again.state, again.approved_by) == ("proposed", ("alice",))


def test_where_there_are_accounts_approvers_have_one(ledger: Ledger) -> None:
    assert approver(ledger, "anybody") == ("anybody", "anybody")
    roles = {"Ada": "policy", "Bob": "admin", "Eve": "reviewer"}
    made = {name: create_user(ledger, name, role).user_id for name, role in roles.items()}
    assert approver(ledger, "ada") == (made["Ada"], "Ada")
    assert approver(ledger, made["Bob"]) == (made["Bob"], "Bob")
    for stranger in ("Eve", "anybody"):
        with pytest.raises(NotReleased, match="Ada, Bob"):
            approver(ledger, stranger)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (TEXT, "running already"),
        (TEXT.replace("borderline: 0.02", "borderline: 0.03"), "is not above"),
        (text_with("live", "3.1.0").replace("name: earmark-default", "name: other"), "is called"),
    ],
)
def test_what_cannot_be_released(ledger: Ledger, text: str, answer: str) -> None:
    with pytest.raises(NotReleased, match=answer):
        released(text, "alice", ledger)


def test_a_rule_is_switched_off_and_on(ledger: Ledger) -> None:
    standing = TrackFacts(ledger)

    def off() -> frozenset[str]:
        return standing.registry(LIVE.name, fresh=True)[1]

    assert switch_rule(Settings(), ledger, "stay-down", "killed", "alice", "why") == "alice"
    assert off() == {"stay-down"}
    switch_rule(Settings(), ledger, "stay-down", "on", "alice", "it was right", dry_run=True)
    assert off() == {"stay-down"}
    switch_rule(Settings(), ledger, "stay-down", "on", "alice", "it was right")
    assert off() == set()
    with pytest.raises(UnknownRule):
        switch_rule(Settings(), ledger, "no-rule", "killed", "alice", "why")


def test_every_change_is_stored_with_its_audit_entry(ledger: Ledger) -> None:
    released(text_with("shadow", "3.1.0"), "alice", ledger)
    switch_rule(Settings(), ledger, "stay-down", "killed", "bob", "too many")
    with ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(AUDIT).order_by(AUDIT.c.sequence)).all()
        waiting = connection.scalars(sqlalchemy.select(OUTBOX.c.topic)).all()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("alice", "policy_bundle_changed", f"{LIVE.name} 3.1.0"),
        ("bob", "policy_rule_changed", "stay-down"),
    ]
    assert json.loads(rows[1].detail)["why"] == "too many"
    assert waiting == [topics.POLICIES_CHANGED] * 2
    assert {change.state for change in changes_of(ledger, name=LIVE.name)} == {"live", "killed"}


def test_where_the_broker_is_away_the_change_is_in_use(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Relay) -> int:
        raise BrokerAway("no broker")

    monkeypatch.setattr(Relay, "relay", away)
    with pytest.raises(BrokerAway, match="is stored and holds"):
        released(text_with("shadow", "3.1.0"), "alice", ledger)
    assert running(Settings(), ledger).version == "3.1.0"
