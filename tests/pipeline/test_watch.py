"""Following uploads to their end, on the embedded broker."""

import time

import pytest

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import InvalidRecord
from streams.ops.watch import Ended, Watcher
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from tests.pipeline.conftest import SettingsFor
from tests.support.events import classified, received

pytestmark = pytest.mark.pipeline


def test_an_upload_ends_as_a_decision_or_a_dead_letter(settings_for: SettingsFor) -> None:
    settings = settings_for()
    decided = decide(classified(), load(Settings().policy)).decided
    upload = received("T-dead")
    source = Message(topics.UPLOADED, 0, 3, b"T-dead", upload.to_bytes())
    error = InvalidRecord("undecodable", "no audio")
    unreadable = Message(topics.UPLOADED, 0, 4, b"T-x", b"\xff")
    letters = [dead_letters.exact_letter(one, "fingerprint", error) for one in (source, unreadable)]
    ended: list[Ended] = []
    with Watcher(settings) as watcher, open_producer(settings, "test") as producer:
        producer.send(topics.DECIDED, key=b"T-1", value=b"no decision").get(20)
        for letter in letters:
            headers = list(letter.headers)
            producer.send(letter.topic, key=letter.key, value=letter.value, headers=headers).get(20)
        producer.send(topics.DECIDED, key=b"T-1", value=decided.to_bytes()).get(20)
        deadline = time.monotonic() + 20
        while len(ended) < 2:
            assert time.monotonic() < deadline
            ended += watcher.poll(0.2)
        assert list(watcher.poll(0.0)) == []
    by_upload = {one.upload_id: one for one in ended}
    assert by_upload.keys() == {decided.upload_id, upload.upload_id}
    good, dead = by_upload[decided.upload_id], by_upload[upload.upload_id]
    assert (good.decision, good.outcome) == (decided, "identified")
    assert (dead.decision, dead.outcome) == (None, "dead letter")
    assert isinstance(dead.end, dead_letters.DeadLetter)
    assert dead.end.reason == "undecodable"
    assert abs(good.at - time.time()) < 60
