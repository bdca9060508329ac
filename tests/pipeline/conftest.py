"""A real broker for the tests of whole processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.settings import Settings
from tests.pipeline.staging import Stage

SettingsFor = Callable[..., Settings]
CreateTopics = Callable[..., None]
StageOn = Callable[..., Stage]
PARTITIONS = {"num_partitions": 4, "replication_factor": 1}


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


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    settings_for: SettingsFor,
    create_topics: CreateTopics,
    tmp_path: Path,
) -> Iterator[Stage]:
    stage = Stage(request.node.name, settings_for(), tmp_path)
    create_topics(stage.source, stage.target)
    yield stage
    for process in stage.processes:
        process.popen.kill()
        process.popen.wait()


@pytest.fixture
def stage_on(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StageOn]:
    """An echo stage on any broker; further topics with their settings."""
    stages: list[Stage] = []

    def make(bootstrap: str, **configs: dict[str, str]) -> Stage:
        quick = {"session_timeout_s": 6, "fetch_max_wait_ms": 50, "retry_base_s": 0.05}
        settings = Settings.model_validate({"brokers": bootstrap, **quick})
        stage = Stage(request.node.name, settings, tmp_path)
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        for name in (stage.source, topics.dead(stage.source), stage.target):
            options = PARTITIONS | {"configs": configs.get(name.rpartition(".")[2], {})}
            admin.create_topics({name: options})
        admin.close()
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        for process in stage.processes:
            process.popen.kill()
            process.popen.wait()
