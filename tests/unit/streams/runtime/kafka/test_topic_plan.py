"""Topics as they should be, and how they differ."""

from dataclasses import replace

from streams.contract import topics
from streams.runtime.kafka.topic_plan import Shape, plan, target_shapes
from streams.runtime.settings import Settings

SETTINGS = Settings(partitions=6, replication=3, retention_h=24, dead_retention_h=48)


def test_every_topic_has_a_shape() -> None:
    shapes = target_shapes(SETTINGS)
    assert tuple(shapes) == topics.ALL
    assert shapes[topics.UPLOADED].partitions == 6
    assert shapes[topics.UPLOADED].configs["retention.ms"] == str(24 * 3_600_000)
    assert shapes[topics.UPLOADED].configs["min.insync.replicas"] == "2"
    dead = shapes[topics.dead(topics.UPLOADED)]
    assert dead.partitions == 1
    assert dead.configs["retention.ms"] == str(48 * 3_600_000)
    assert int(dead.configs["max.message.bytes"]) > 1_048_588


def test_what_people_decided_is_kept_for_ever() -> None:
    shapes = target_shapes(SETTINGS)
    for name in (topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED, topics.RIGHTS_CHANGED):
        assert shapes[name].configs["retention.ms"] == "-1"


def test_nothing_differs_from_itself() -> None:
    assert plan(target_shapes(SETTINGS), target_shapes(SETTINGS)) == []


def test_each_difference_is_named() -> None:
    there = target_shapes(SETTINGS)
    good = there[topics.UPLOADED]
    del there[topics.DECIDED]
    there[topics.UPLOADED] = replace(good, partitions=4)
    there[topics.LABELLED] = replace(good, partitions=12)
    there[topics.CLASSIFIED] = replace(good, replication=1)
    there[topics.FINGERPRINTED] = replace(good, configs={**good.configs, "retention.ms": "5"})
    differences = {
        change.topic: (change.kind, change.says) for change in plan(target_shapes(SETTINGS), there)
    }
    assert {topic: kind for topic, (kind, _) in differences.items()} == {
        topics.DECIDED: "create",
        topics.UPLOADED: "grow",
        topics.LABELLED: "note",
        topics.CLASSIFIED: "note",
        topics.FINGERPRINTED: "configure",
    }
    assert differences[topics.FINGERPRINTED][1] == "retention.ms 5 -> 86400000"
    assert "4 -> 6" in differences[topics.UPLOADED][1]


def test_a_broker_that_tells_no_configuration_is_not_asked_to_change_it() -> None:
    silent = {name: Shape(one.partitions, 3) for name, one in target_shapes(SETTINGS).items()}
    assert plan(target_shapes(SETTINGS), silent) == []
