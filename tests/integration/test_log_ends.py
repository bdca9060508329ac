"""Where topics end and how far processes have read, on both brokers."""

from contextlib import closing

import pytest
from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition

from streams.contract import topics
from streams.ops.embedded_broker import ensure_topics
from streams.runtime.kafka.clients import open_reader
from streams.runtime.kafka.offsets import behind, log_ends
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings


@pytest.mark.pipeline
@pytest.mark.parametrize("kind", ["kafka", "broker"])
def test_what_waits_within_the_last_batch_is_counted(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """The embedded broker's own end lies after the first record of the last batch."""
    bootstrap = request.getfixturevalue(kind).bootstrap
    settings = Settings(brokers=bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
    ensure_topics(settings)
    lane, sizes = TopicPartition(topics.RESCORING, 1), (1, 10, 1, 5)
    group = f"{settings.group_prefix}.rescore"
    with (
        closing(KafkaProducer(bootstrap_servers=bootstrap, linger_ms=100)) as producer,
        closing(open_reader(settings, group_id=group)) as worker,
        open_admin(settings) as admin,
    ):
        for number, size in enumerate(sizes):
            for _ in range(size):
                producer.send(lane.topic, b"{}", partition=lane.partition)
            producer.flush(30)
            ends = log_ends(admin, topics.ALL)
            assert {at: end for at, end in ends.items() if at.topic == lane.topic and end} == {
                lane: sum(sizes[: number + 1])
            }
        assert {at.topic for at in ends} == set(topics.ALL)
        worker.assign([lane])
        worker.commit({lane: OffsetAndMetadata(13, "", -1)})  # within the last batch
        assert behind(admin, settings, "rescore") == 4
