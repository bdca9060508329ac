"""The frame of the processors as real processes on a real broker."""

import json
import random
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from streams.contract import dead_letters, topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.settings import Settings
from tests.pipeline.staging import Message, Stage, at_most, ping, seconds_between, wait_until

pytestmark = pytest.mark.pipeline


def test_nothing_is_lost_when_workers_die_and_return(stage: Stage) -> None:
    modes = ["good"] * 12 + ["slow", "flaky", "bad", "bug", "huge"]
    pings = [ping(number, modes[number % len(modes)]) for number in range(400)]
    modes_by_number = {number: modes[number % len(modes)] for number in range(400)}
    first = stage.start(in_flight=8)
    first.wait_for("partitions_assigned")
    second = stage.start(in_flight=8)
    second.wait_for("partitions_assigned")
    stage.send(pings[:250])
    wait_until(lambda: len(first.lines("dead_letter_sent")) > 3, 20)
    first.popen.kill()  # busy, with events in every state
    stage.send(pings[250:])
    third = stage.start(in_flight=8)
    third.wait_for("partitions_assigned")

    good = {number for number, mode in modes_by_number.items() if mode in ("good", "slow", "flaky")}
    outputs = defaultdict(set)

    def all_out(records: list[Any]) -> bool:
        for record in records:
            outputs[json.loads(record.value)["number"]].add((record.key, record.value))
        return set(outputs) >= good

    stage.read(stage.target, all_out, 60)
    assert set(outputs) == good
    assert all(len(answers) == 1 for answers in outputs.values()), "conflicting duplicates"

    dead = defaultdict(set)

    def all_dead(records: list[Any]) -> bool:
        for record in records:
            letter = dead_letters.read(record.topic, record.key, record.value, record.headers)
            dead[(letter.key, letter.value)].add((letter.reason, letter.origin))
        return len(dead) >= 400 - len(good)

    stage.read(topics.dead(stage.source), all_dead, 20)
    reasons = {"bad": "told_to", "bug": "unexpected_error", "huge": "record_too_large"}
    expected = {
        pings[number]: reasons[mode] for number, mode in modes_by_number.items() if mode in reasons
    }
    assert {message: {reason for reason, _ in answers} for message, answers in dead.items()} == {
        message: {reason} for message, reason in expected.items()
    }
    assert all(len({origin for _, origin in answers}) == 1 for answers in dead.values())

    for process in (second, third):
        with at_most(10):
            assert process.end() == 0


def test_garbage_ends_as_dead_letters_with_its_exact_bytes(stage: Stage) -> None:
    noise = random.Random(7)
    garbage: list[Message] = [
        (b"k", None),
        (None, None),
        (None, b'{"track_id": "t", "number": 1}'),
        (b"k", b""),
        (b"\xff\xfe", noise.randbytes(3_000)),
        (b"k", b"x" * 950_000),
        (b"k", b"x" * 1_500_000),
        (noise.randbytes(40_000), b"[]"),
        *((noise.randbytes(4), noise.randbytes(noise.randrange(200))) for _ in range(20)),
    ]
    worker = stage.start()
    stage.send([message for message in garbage if message != (None, None)], [("trace", b"1")])
    stage.send_nothing()
    stage.send([ping(1)], [("trace", b"2"), (dead_letters.REASON, b"of an earlier death")])
    outputs = stage.read(stage.target, bool, 30)
    assert [(record.key, record.headers) for record in outputs] == [(b"t1", [("trace", b"2")])]

    records = stage.read(topics.dead(stage.source), lambda read: len(read) >= len(garbage), 20)
    letters = [
        dead_letters.read(record.topic, record.key, record.value, record.headers)
        for record in records
    ]
    assert sorted([(letter.key, letter.value) for letter in letters], key=repr) == sorted(
        garbage, key=repr
    )
    assert {(letter.reason, letter.source) for letter in letters} == {
        ("invalid_record", stage.source)
    }
    assert len({letter.origin for letter in letters}) == len(garbage)
    exact = {(letter.key, letter.value) for letter in letters} - {(None, None)}
    assert {(record.key, record.value) for record in records} - {(None, b"")} == exact
    assert sum(("trace", b"1") in record.headers for record in records) == len(garbage) - 1
    with at_most(10):
        assert worker.end() == 0


def test_a_cause_that_does_not_pass_stops_the_worker_and_keeps_the_event(stage: Stage) -> None:
    worker = stage.start(retry_attempts=2)
    worker.wait_for("partitions_assigned")
    stage.send([ping(1, "away")])
    with at_most(30):
        assert worker.popen.wait(30) == 1
    stage.send([ping(2, "fatal")])
    again = stage.start(retry_attempts=50)  # the event is still there, and so is the other
    again.wait_for("partitions_assigned")
    assert again.popen.wait(30) == 1
    assert not stage.read(topics.dead(stage.source), lambda read: False, 1)


def test_a_stuck_handler_does_not_keep_a_worker_from_stopping(stage: Stage) -> None:
    worker = stage.start(drain_s=1)
    worker.wait_for("partitions_assigned")
    stage.send([ping(1, "stuck"), ping(2)])
    assert stage.read(stage.target, bool, 20)
    with at_most(10):
        assert worker.end(signal.SIGINT) == 0


def test_a_worker_waits_for_its_broker_and_says_so(stage: Stage) -> None:
    worker = stage.start(brokers="127.0.0.1:1")
    worker.wait_for("attempt_failed")
    assert worker.ready() == {
        "ready": False,
        "missing": ["broker_reachable", "topics_exist", "partitions_assigned"],
    }
    with at_most(10):
        assert worker.end() == 0
    assert not worker.lines("processor_failed")


def test_a_worker_ends_when_its_broker_is_gone(stage: Stage, tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        ensure_topics(Settings(brokers=broker.bootstrap))
        stage.name = topics.UPLOADED
        worker = stage.start(brokers=broker.bootstrap, request_timeout_s=2)
        worker.wait_for("partitions_assigned")
        assert worker.ready() == {"ready": True, "missing": []}
    worker.wait_for("broker_unreachable")
    assert "broker_reachable" in worker.ready()["missing"]
    assert worker.popen.wait(40) == 1
    gone, ended = worker.lines("processor_stopping")[0], worker.lines("processor_stopped")[0]
    assert "BrokerAway" in gone["failure"]
    assert seconds_between(gone, ended) < 30
