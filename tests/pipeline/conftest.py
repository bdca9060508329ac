"""A real broker for the tests of whole processes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.settings import Settings

SettingsFor = Callable[..., Settings]
CreateTopics = Callable[..., None]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """The embedded broker, with Earmark's topics; one for all tests of a run."""
    log_file = tmp_path_factory.mktemp("broker") / "tansu.log"
    with EmbeddedBroker(log_file=log_file) as running:
        ensure_topics(Settings(brokers=running.bootstrap))
        yield running


@pytest.fixture(scope="session")
def settings_for(broker: EmbeddedBroker) -> SettingsFor:
    """Settings for processes on that broker; keywords change them."""

    def settings(**changes: Any) -> Settings:
        quick = {"session_timeout_s": 6, "fetch_max_wait_ms": 50, "retry_base_s": 0.05}
        return Settings.model_validate({"brokers": broker.bootstrap, **quick, **changes})

    return settings


@pytest.fixture(scope="session")
def create_topics(broker: EmbeddedBroker) -> CreateTopics:
    """Create topics of a test's own, each with its dead letters."""

    def create(*names: str, partitions: int = 4) -> None:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        for name in (*names, *(topics.dead(name) for name in names)):
            admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
        admin.close()

    return create
