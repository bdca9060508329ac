"""One Kafka user for each process, with the rights that ``earmark topics apply --acls`` grants."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kafka.errors import (
    GroupAuthorizationFailedError,
    SecurityDisabledError,
    TopicAuthorizationFailedError,
)

from streams.contract import topics
from streams.contract.processes import PROCESSES
from streams.ops.supervisor import Supervisor
from streams.runtime.kafka import acls
from streams.runtime.kafka.clients import open_consumer, open_producer, open_reader
from streams.runtime.kafka.errors import BrokerFailed
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from streams.store.database import Ledger
from streams.store.queries import counts
from tests.support.events import upload
from tests.support.forks import forks
from tests.support.kafka import ApacheKafka, apache_kafka
from tests.support.samples import samples

pytestmark = pytest.mark.pipeline

PASSWORD = "of-all-of-them"  # noqa: S105 - of brokers that a test starts
USERS = {"earmark": PASSWORD} | {f"earmark-{name}": PASSWORD for name in PROCESSES}
LISTENER = "SASL_PLAINTEXT"
JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule required {};"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    users = " ".join(f'user_{user}="{password}"' for user, password in USERS.items())
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:earmark",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": JAAS.format(users),
    }
    folder = tmp_path_factory.mktemp("rights")
    with apache_kafka(folder, secure=True, properties=properties) as running:
        yield running


@pytest.fixture(scope="module")
def settings(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("installation")
    return Settings.model_validate(
        {
            "brokers": kafka.address(LISTENER),
            "security_protocol": LISTENER,
            "sasl_mechanism": "PLAIN",
            "sasl_username": "earmark",
            "sasl_password": PASSWORD,
            "session_timeout_s": 6,
            "ledger": f"sqlite:///{folder}/ledger.db",
            "store": f"file://{folder}/store",
            "file_roots": str(folder),
            "console_port": 0,
            "decode_workers": 1,
        }
    )


def earmark(settings: Settings, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *arguments],
        env=os.environ | settings.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def as_user(settings: Settings, process: str) -> Settings:
    return settings.model_copy(update={"sasl_username": f"earmark-{process}"})


@pytest.fixture(scope="module")
def granted(settings: Settings) -> Settings:
    planned = earmark(settings, "topics", "plan", "--acls")
    assert "grant      User:earmark-decide READ topic tracks.classified" in planned
    earmark(settings, "topics", "apply", "--acls")
    assert "rights are as they should be" in earmark(settings, "topics", "plan", "--acls")
    return settings


def test_the_whole_pipeline_runs_with_least_rights(granted: Settings, tmp_path: Path) -> None:
    track = samples(Path(granted.file_roots))[0]
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Supervisor([name], as_user(granted, name), tmp_path, forks()))
            for name in PROCESSES
        }
        late = [line for worker in workers.values() for line in worker.wait_ready(90)]
        assert late == []
        with IngestHook(granted) as hook:
            hook.submit(upload("T-1").model_copy(update={"uri": track.path.as_uri()}))
        ledger = Ledger.open(granted.ledger)
        deadline = time.monotonic() + 120
        while counts(ledger)["applied"] < 1:
            assert time.monotonic() < deadline, counts(ledger)
            assert [worker.watch() for worker in workers.values()] == [[]] * len(workers)
            time.sleep(0.2)
        assert counts(ledger)["dead_letters"] == 0
        ledger.close()
    refused = [path for path in tmp_path.glob("*.log") if "uthorization" in path.read_text()]
    assert refused == []


@pytest.mark.parametrize(
    ("process", "topic"),
    [
        ("fingerprint", topics.DECIDED),
        ("decide", topics.REVIEWS_DECIDED),
        ("monitor", topics.DECIDED),
    ],
)
def test_no_process_writes_what_is_not_its_own(granted: Settings, process: str, topic: str) -> None:
    producer = open_producer(as_user(granted, process), "test")
    with pytest.raises(TopicAuthorizationFailedError):
        producer.send(topic, b"x").get(20)
    producer.close()


def test_no_process_reads_what_is_not_its_own(granted: Settings) -> None:
    reader = open_reader(as_user(granted, "fingerprint"))
    own = {topics.UPLOADED, topics.dead(topics.UPLOADED), topics.FINGERPRINTED}
    assert reader.topics() == own
    reader.close()
    member = open_consumer(as_user(granted, "classify"), "decide", [topics.FINGERPRINTED])
    with pytest.raises(GroupAuthorizationFailedError):
        member.poll(timeout_ms=10_000)
    member.close()


class NoAuthorizer:
    def describe_acls(self, _: object) -> None:
        raise SecurityDisabledError


def test_a_broker_without_authorizer_is_named() -> None:
    with pytest.raises(BrokerFailed, match="no authorizer"):
        acls.differences(NoAuthorizer(), set())
