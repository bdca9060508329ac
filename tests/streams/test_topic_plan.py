from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams import topics
from streams.broker.topic_plan import Shape, apply, on_broker, open_admin, plan, wanted
from streams.cli import app
from streams.settings import Settings
from tests.kafka import apache_kafka

SETTINGS = Settings(partitions=6, replication=3, retention_h=24, dead_retention_h=48)


def test_every_topic_has_a_shape() -> None:
    shapes = wanted(SETTINGS)
    assert tuple(shapes) == topics.ALL
    assert shapes[topics.UPLOADED].partitions == 6
    assert shapes[topics.UPLOADED].configs["retention.ms"] == str(24 * 3_600_000)
    assert shapes[topics.UPLOADED].configs["min.insync.replicas"] == "2"
    dead = shapes[topics.dead(topics.UPLOADED)]
    assert dead.partitions == 1
    assert dead.configs["retention.ms"] == str(48 * 3_600_000)
    assert int(dead.configs["max.message.bytes"]) > 1_048_588


def test_what_people_decided_is_kept_for_ever() -> None:
    shapes = wanted(SETTINGS)
    for name in (topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED, topics.RIGHTS_CHANGED):
        assert shapes[name].configs["retention.ms"] == "-1"


def test_nothing_differs_from_itself() -> None:
    assert plan(wanted(SETTINGS), wanted(SETTINGS)) == []


def test_each_difference_is_named() -> None:
    there = wanted(SETTINGS)
    good = there[topics.UPLOADED]
    del there[topics.DECIDED]
    there[topics.UPLOADED] = replace(good, partitions=4)
    there[topics.LABELLED] = replace(good, partitions=12)
    there[topics.CLASSIFIED] = replace(good, replication=1)
    there[topics.FINGERPRINTED] = replace(good, configs={**good.configs, "retention.ms": "5"})
    found = {change.topic: (change.kind, change.says) for change in plan(wanted(SETTINGS), there)}
    assert {topic: kind for topic, (kind, _) in found.items()} == {
        topics.DECIDED: "create",
        topics.UPLOADED: "grow",
        topics.LABELLED: "note",
        topics.CLASSIFIED: "note",
        topics.FINGERPRINTED: "configure",
    }
    assert found[topics.FINGERPRINTED][1] == "retention.ms 5 -> 86400000"
    assert "4 -> 6" in found[topics.UPLOADED][1]


def test_a_broker_that_tells_no_configuration_is_not_asked_to_change_it() -> None:
    silent = {name: Shape(one.partitions, 3) for name, one in wanted(SETTINGS).items()}
    assert plan(wanted(SETTINGS), silent) == []


@pytest.mark.pipeline
def test_a_kafka_becomes_what_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with apache_kafka(tmp_path) as kafka:
        monkeypatch.setenv("EARMARK_BROKERS", kafka.bootstrap)
        monkeypatch.setenv("EARMARK_PARTITIONS", "2")
        earmark = CliRunner()
        assert earmark.invoke(app, ["topics", "plan", "--check"]).exit_code == 1
        first = earmark.invoke(app, ["topics", "apply"])
        assert first.exit_code == 0
        assert first.stdout.count("create ") == len(topics.ALL)
        assert "as they should be" in earmark.invoke(app, ["topics", "plan", "--check"]).stdout

        monkeypatch.setenv("EARMARK_PARTITIONS", "3")
        monkeypatch.setenv("EARMARK_RETENTION_H", "24")
        changed = earmark.invoke(app, ["topics", "apply"]).stdout
        assert "retention.ms 604800000 -> 86400000" in changed
        assert "left as it is:\ngrow" in changed  # keys do not move unless somebody says so
        settings = Settings.from_env()
        with open_admin(settings) as admin:
            left = plan(wanted(settings), on_broker(admin))
            assert {change.kind for change in left} == {"grow"}
            apply(admin, left, grow=True)
        assert "as they should be" in earmark.invoke(app, ["topics", "plan", "--check"]).stdout
