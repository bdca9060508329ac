"""Facts about tracks for decisions, on both databases."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from streams.contract import topics
from streams.contract.records import Declaration, Record, Tool, UploadReceived
from streams.policy.facts import Rulings
from streams.stages.ledger import project
from streams.store import track_facts
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts
from tests.support.events import (
    DECIDED_AT,
    agreement,
    appeal,
    classified,
    message,
    policy_changed,
    received,
    verdict,
)

SONGMAKER = Declaration(contains_ai="All", tools=(Tool(name="Songmaker", agreement_id="AGR-1"),))
POLICY = policy_changed().policy


def store(ledger: Ledger, topic: str, records: Iterable[Record]) -> None:
    project(ledger, [message(topic, record) for record in records])


def switched(state: str, hours: int, rule_id: str = "stay-down") -> Record:
    return policy_changed(
        change_id=f"pol_{rule_id}_{hours}",
        kind="rule",
        rule_id=rule_id,
        state=state,
        text=None,
        changed_at=DECIDED_AT + timedelta(hours=hours),
    )


def test_the_registry_is_read_again_once_it_has_grown(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = TrackFacts(ledger)
    assert list(facts.registry(POLICY.name)[0]) == []
    store(ledger, topics.RIGHTS_CHANGED, [agreement()])
    assert list(facts.registry(POLICY.name)[0]) == [], "a little old"
    assert list(facts.registry(POLICY.name, fresh=True)[0]) == [agreement()]
    version = facts.version
    facts.registry(POLICY.name, fresh=True)
    assert facts.version == version
    store(ledger, topics.RIGHTS_CHANGED, [agreement(2, permission="revoked")])
    monkeypatch.setattr(track_facts, "FRESH_S", -1.0)
    (newest,) = facts.registry(POLICY.name)[0]
    assert newest.version == 2
    assert facts.version != version


def test_of_each_rule_the_last_switch_counts(ledger: Ledger) -> None:
    facts = TrackFacts(ledger)
    changes = [switched("on", 2), switched("killed", 1), switched("tripped", 1, "identified-all")]
    store(ledger, topics.POLICIES_CHANGED, changes)
    assert facts.registry(POLICY.name, fresh=True)[1] == {"identified-all"}
    assert facts.registry("another policy")[1] == set()


def test_rulings_are_those_of_the_tracks_alone(ledger: Ledger) -> None:
    event = classified(track_id="T-1", distributor="A")
    delivered = UploadReceived.model_validate(
        {"upload_id": event.upload_id, "upload": event.upload, "uploaded_at": event.uploaded_at}
    )
    silent = received("T-1", distributor="B")  # without audio it claims nothing
    store(ledger, topics.UPLOADED, [silent, delivered, received("T-2")])
    store(ledger, topics.CLASSIFIED, [event])
    store(ledger, topics.REVIEWS_DECIDED, [verdict(), verdict(verdict_id="vrd_2", track_id="T-2")])
    store(ledger, topics.APPEALS_CHANGED, [appeal()])
    rulings = TrackFacts(ledger).rulings(["T-1", "T-9"])
    assert rulings == {"T-1": Rulings((verdict(),), (appeal(),), ("A",))}
    assert TrackFacts(ledger).rulings([]) == {}


def test_facts_are_read_where_they_are_not_given(ledger: Ledger) -> None:
    store(ledger, topics.RIGHTS_CHANGED, [agreement()])
    store(ledger, topics.REVIEWS_DECIDED, [verdict()])
    event = classified(declared=SONGMAKER)
    read = TrackFacts(ledger).facts(event, event.uploaded_at, POLICY.name)
    assert read.entries == (agreement(),)
    assert read.verdict == verdict()
    without = TrackFacts(ledger).facts(event, event.uploaded_at, POLICY.name, Rulings())
    assert without.verdict is None
