"""A processor that makes too many dead letters pauses: a real process on a real broker."""

import pytest

from streams.contract import topics
from tests.pipeline.staging import Stage, at_most, ping, seconds_between

pytestmark = pytest.mark.pipeline


def test_too_many_dead_letters_pause_the_worker_and_it_goes_on_by_itself(stage: Stage) -> None:
    worker = stage.start(dead_letter_window=10, dead_letter_pause_s=8)
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "bug") for number in range(11)])
    paused = worker.wait_for("processor_paused")
    assert "first 11 events" in paused["reason"]
    stage.send([ping(number) for number in range(40)])
    assert worker.ready() == {"ready": False, "missing": ["dead_letters_within_limit"]}
    assert not stage.read(stage.target, bool, 2)
    assert len(stage.read(stage.target, lambda read: len(read) == 40, 20)) == 40
    assert worker.ready()["ready"]
    assert seconds_between(paused, worker.wait_for("processor_resumed")) > 7
    assert len(stage.read(topics.dead(stage.source), lambda read: len(read) > 11, 1)) == 11
    assert worker.end() == 0


def test_a_paused_worker_hands_its_partitions_over_and_stops_in_time(stage: Stage) -> None:
    worker = stage.start(dead_letter_window=10, dead_letter_pause_s=600)
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "bug") for number in range(11)])
    worker.wait_for("processor_paused")
    stage.send([ping(number) for number in range(40)])
    another = stage.start()
    another.wait_for("partitions_assigned")
    assert stage.read(stage.target, bool, 20)
    with at_most(10):
        assert worker.end() == 0
    assert len(stage.read(stage.target, lambda read: len(read) == 40, 20)) == 40
    assert another.end() == 0
