"""The reference catalogue: which decision a track has, whatever comes twice, late or broken."""

import ast
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import permutations

import pytest

from detector.errors import BadInput
from examples import catalogue_consumer
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import DecisionApplied, Declaration, TrackDecided, parse
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from tests.support.catalogue import CatalogueFixture
from tests.support.events import UPLOADED_AT, classified, message
from tests.support.paths import ROOT
from tests.support.policies import bundle, rule

POLICY = load(Settings().policy)
clock = itertools.count(1_795_000_000_000)


@pytest.fixture
def catalogue(url: str) -> Iterator[CatalogueFixture]:
    opened = CatalogueFixture(url)
    yield opened
    opened.close()


def decision(*, days: int = 0, policy: str = "default") -> TrackDecided:
    event = classified(
        declared=Declaration(contains_ai="None"), uploaded_at=UPLOADED_AT + timedelta(days=days)
    )
    event = event.model_copy(update={"upload_id": f"upl_{days}"})
    return decide(event, POLICY if policy == "default" else bundle(rule(policy))).decided


def decided(minutes: int, title: str) -> TrackDecided:
    at = UPLOADED_AT + timedelta(minutes=minutes)
    return decide(classified(uploaded_at=at, title=title), POLICY).decided


def published(*decisions: TrackDecided) -> list[Message]:
    """Each later than the one before."""
    return [message(topics.DECIDED, event, timestamp_ms=next(clock)) for event in decisions]


def current(catalogue: CatalogueFixture) -> list[str]:
    return [decision_id for (decision_id,) in catalogue.rows("decision_id")]


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse((ROOT / "examples/catalogue_consumer.py").read_text())
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    packages = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert packages == {"kafka", "jsonschema", "psycopg"}


def test_a_decision_is_applied_once(catalogue: CatalogueFixture) -> None:
    event = decision()
    assert catalogue.apply(published(event, event)) == ["applied", "already_applied"]
    assert catalogue.apply(published(event)) == ["already_applied"]
    columns = "track_id, display, recommendation"
    assert [tuple(row) for row in catalogue.rows(columns)] == [("T-1", "ai_badge", "allow")]


def test_each_decision_is_answered_by_its_id_with_its_headers(catalogue: CatalogueFixture) -> None:
    event = decision()
    carried, dead = ("traceparent", b"00-1"), (dead_letters.REASON, b"of an earlier death")
    catalogue.apply([message(topics.DECIDED, event, 4, headers=(carried, dead))])
    ((topic, sent),) = catalogue.broker.sent
    assert (topic, sent["key"], sent["headers"]) == (topics.DECISIONS_APPLIED, b"T-1", [carried])
    answer = parse(DecisionApplied, sent["value"])
    assert (answer.decision_id, answer.upload_id) == (event.decision_id, event.upload_id)
    assert catalogue.broker.committed == {0: 5}


def test_a_later_upload_replaces_and_an_earlier_one_is_stale(catalogue: CatalogueFixture) -> None:
    first, second = decision(), decision(days=1)
    assert catalogue.apply(published(first, second, first)) == ["applied", "applied", "stale"]
    assert current(catalogue) == [second.decision_id]


def test_a_new_policy_replaces_and_so_does_going_back(catalogue: CatalogueFixture) -> None:
    old, new = decision(), decision(policy="new")
    assert catalogue.apply(published(old, new)) == ["applied", "applied"]
    assert catalogue.apply(published(old)) == ["applied"]  # decided again, later
    assert current(catalogue) == [old.decision_id]


def test_of_one_millisecond_the_greater_id_stands_in_any_order(
    catalogue: CatalogueFixture,
) -> None:
    decisions = decision(), decision(policy="another")
    first, second = (message(topics.DECIDED, each) for each in decisions)
    for log in ((first, second), (second, first), (first, second, first)):
        catalogue.apply(log)
        assert current(catalogue) == [max(each.decision_id for each in decisions)]


def test_a_repeated_log_does_not_go_back(catalogue: CatalogueFixture) -> None:
    log = published(decision(), decision(policy="new"))
    catalogue.apply(log)
    catalogue.apply(log)
    assert current(catalogue) == [decision(policy="new").decision_id]


DELIVERED = (decided(1, "first"), decided(2, "second"), decided(3, "first"))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_delivery_prevails_in_whatever_order_they_are_decided(
    catalogue: CatalogueFixture, order: Sequence[int]
) -> None:
    assert DELIVERED[0].decision_id == DELIVERED[2].decision_id
    for place in order:
        catalogue.apply(published(DELIVERED[place]))
    assert current(catalogue) == [DELIVERED[2].decision_id]


def test_territories_are_replaced_with_their_track(catalogue: CatalogueFixture) -> None:
    event = decision()
    scoped = {"territories": ("DE", "AT"), "actions": {"availability": "takedown"}, "rules": ()}
    territorial = TrackDecided.model_validate(
        event.model_dump() | {"decision_id": "dec_2", "territorial": [scoped]}
    )
    catalogue.apply(published(event, territorial))
    columns = "territory, decision_id, availability, display"
    assert [tuple(row) for row in catalogue.rows(columns, "catalogue_territories")] == [
        ("AT", "dec_2", "takedown", "none"),
        ("DE", "dec_2", "takedown", "none"),
    ]
    catalogue.apply(published(decision(policy="new")))
    assert catalogue.rows("territory", "catalogue_territories") == []


EDGE = decision().to_bytes().replace(b"2026-11-23T12:00:00Z", b"0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b"\xff", EDGE])
def test_what_is_no_decision_becomes_a_dead_letter(
    catalogue: CatalogueFixture, value: bytes | None
) -> None:
    bad = Message(topics.DECIDED, 0, 0, None, value, (("trace", b"1"),), -1)
    assert catalogue.apply([bad, *published(decision())]) == ["applied"]
    topic, sent = catalogue.broker.sent[0]
    read = dead_letters.read(topic, sent["key"], sent["value"], sent["headers"])
    assert (read.source, read.value, read.processor) == (topics.DECIDED, value, "catalogue")
    assert (read.reason, read.origin) == ("invalid_record", "tracks.decided/0/0")
    ours = {name for name, _ in sent["headers"] if name.startswith(dead_letters.HEADER_PREFIX)}
    expected = dead_letters.headers_for(bad, "", BadInput("", ""))
    assert ours - {dead_letters.VALUE} == {name for name, _ in expected} - {"trace"}


def test_a_failure_stores_nothing(
    catalogue: CatalogueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError

    catalogue.apply(published(decision()))
    apply = catalogue_consumer.apply
    calls: Iterator[Callable[..., str]] = iter([apply, fail])
    monkeypatch.setattr(catalogue_consumer, "apply", lambda *values: next(calls)(*values))
    with pytest.raises(ZeroDivisionError):
        catalogue.apply(published(decision(days=1), decision(days=2)))
    assert current(catalogue) == [decision().decision_id]


def test_its_status_is_what_probes_and_the_monitor_read(catalogue: CatalogueFixture) -> None:
    assert catalogue.status.answer("/ready")[0] == 503
    catalogue.apply(published(decision()))
    catalogue.status.missing = []
    assert catalogue.status.answer("/ready") == (200, json.dumps({"ready": True, "missing": []}))
    assert catalogue.status.answer("/live")[0] == 200
    lines = catalogue.status.answer("/metrics")[1].splitlines()
    assert 'earmark_received_total{processor="catalogue"} 1' in lines
    assert 'earmark_ended_total{processor="catalogue",outcome="emitted"} 1' in lines
    assert 'earmark_decisions_applied_total{result="applied"} 1' in lines


def other(decision_id: str, **changed: object) -> Message:
    """A decision about another track with some fields as a hostile client might send them."""
    record = json.loads(decision().to_bytes()) | {"decision_id": decision_id, "track_id": "T-2"}
    value = json.dumps(record | changed).encode()
    return message(topics.DECIDED, decision(), value=value, timestamp_ms=next(clock))


TWICE = {"territories": ["DE"], "actions": {}}


@pytest.mark.parametrize(
    "poison",
    [
        {"track_id": "\ud800"},
        {"upload_id": "a\udfff"},
        {"territorial": [TWICE, TWICE]},
        {"uploaded_at": "0001-01-01T00:00:00+14:00"},
        {"uploaded_at": "9999-12-31T23:59:59-14:00"},
        {"uploaded_at": "2999-01-01T00:00:00Z"},
        {"track_id": "a\0b"},
    ],
    ids=[
        *("lone surrogate", "in another field", "a territory twice", "before year 1"),
        *("after 9999", "a delivery of the future", "NUL in an id"),
    ],
)
def test_a_decision_that_cannot_be_stored_stops_no_other(
    catalogue: CatalogueFixture, poison: dict[str, object]
) -> None:
    ordinary = [other(f"dec_{number}", track_id=f"T-{number}") for number in range(20)]
    results = catalogue.apply([*ordinary[:10], other("dec_poison", **poison), *ordinary[10:]])
    assert results == ["applied"] * 20
    assert "dec_poison" not in current(catalogue)
    assert [topic for topic, _ in catalogue.broker.sent].count(f"{topics.DECIDED}.dead") == 1
    catalogue.apply([other("dec_after", track_id="T-99")])
    assert "dec_after" in current(catalogue)


def test_the_longest_id_is_applied(catalogue: CatalogueFixture) -> None:
    longest = "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 256
    assert catalogue.apply([other("dec_1", track_id=longest)]) == ["applied"]


def test_a_catalogue_of_an_earlier_release_gets_new_dimensions(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        fewer = dict(catalogue_consumer.DIMENSIONS)
        fewer.pop("display")
        earlier.setattr(catalogue_consumer, "DIMENSIONS", fewer)
        old = CatalogueFixture(url)
        old.apply(published(decision()))
        old.close()
    catalogue = CatalogueFixture(url)
    neutral = catalogue_consumer.DIMENSIONS["display"]["default"]
    assert catalogue.rows("display") == [(neutral,)]
    assert catalogue.apply(published(decision(days=1))) == ["applied"]
    catalogue.close()
