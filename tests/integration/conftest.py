"""Brokers of one file's tests."""

from collections.abc import Iterator

import pytest

from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.settings import Settings
from tests.support.kafka import ApacheKafka, apache_kafka


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker with all topics."""
    with EmbeddedBroker() as running:
        ensure_topics(Settings(brokers=running.bootstrap))
        yield running


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """An Apache Kafka without topics."""
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running
