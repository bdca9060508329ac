"""deploy/compose.yaml at work: each service's own command, variables and health check.

Each of our services runs as its container would (``tests.deploy.contained``): user 65532, a
root that cannot be written, an empty /tmp, the shared volume. Kafka and PostgreSQL are real,
and not those images. Only addresses and ports differ, since all share this machine's.
"""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from streams.contract.processes import PROCESSES
from streams.runtime.processes import free_port
from tests.deploy.contained import Container
from tests.support.kafka import ApacheKafka, apache_kafka
from tests.support.paths import ROOT
from tests.support.postgres import NoPostgres, PrivatePostgres
from tests.support.samples import samples

pytestmark = pytest.mark.pipeline

COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PATIENCE_S = 150.0
CHECK_S = 2.0  # a check is a container, which takes a quarter of a second of a core
# of tests/support/kafka.py: where it listens and what it stores
PLACES = re.compile("LISTENER|QUORUM|LOG_DIRS|NODE_ID|PROCESS_ROLES")


def composed(text: str) -> str:
    """Return what Compose makes of ``${NAME:-default}`` where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def image_environment() -> dict[str, str]:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1].replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", last_stage, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(line))


def health_check() -> list[str]:
    (words,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return list(json.loads(words))


@dataclass
class Project:
    """The services of the file, by their names."""

    container: Container
    addresses: dict[str, str]
    folder: Path
    ports: dict[str, dict[str, str]] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        result = {key: composed(value) for key, value in COMPOSE[name]["environment"].items()}
        for theirs, ours in self.addresses.items():
            result = {key: value.replace(theirs, ours) for key, value in result.items()}
        return image_environment() | result | self.ports.get(name, {})

    def argv(self, name: str) -> list[str]:
        service = COMPOSE[name]
        return [*service.get("entrypoint", ["earmark"]), *service["command"]]

    def run(self, name: str) -> "subprocess.CompletedProcess[str]":
        return self.container.run(self.argv(name), self.environment(name))

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        log = self.folder / f"{name}.log"
        return self.container.start(self.argv(name), self.environment(name), log)

    def is_healthy(self, name: str) -> bool:
        return self.container.run(health_check(), self.environment(name)).returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A Kafka with what the file sets, but for where it listens and stores."""
    answer = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in COMPOSE["kafka"]["environment"].items()
        if not PLACES.search(name)
    }
    assert answer["auto.create.topics.enable"] == "false"
    with apache_kafka(tmp_path_factory.mktemp("compose-kafka"), properties=answer) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def project(brokers: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("compose")
    container = Container(folder)
    try:
        server = PrivatePostgres()
    except NoPostgres as error:
        pytest.skip(str(error))
    with server:
        _database(server.url)
        port = server.url.rpartition(":")[2].removesuffix("/postgres")
        addresses = {"kafka:9092": brokers.bootstrap, "postgres:5432": f"127.0.0.1:{port}"}
        yield Project(container, addresses, folder)


def _database(url: str) -> None:
    """Make the user and the database that the file's PostgreSQL makes at its first start."""
    answer = {key: composed(value) for key, value in COMPOSE["postgres"]["environment"].items()}
    with psycopg.connect(url, autocommit=True) as connection:
        user, password = answer["POSTGRES_USER"], answer["POSTGRES_PASSWORD"]
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        connection.execute(f"CREATE DATABASE {answer['POSTGRES_DB']} OWNER {user}")


@pytest.fixture(scope="module")
def healthy(project: Project) -> Iterator[Project]:
    """Both jobs done, then all services started, each healthy by the image's own check."""
    for job in ("topics", "migrate"):
        done = project.run(job)
        assert done.returncode == 0, (job, done.stderr)
    running = {}
    try:
        for name in PROCESSES:
            ports = (f"EARMARK_{what}_PORT" for what in ("METRICS", "CONSOLE"))
            project.ports[name] = {port: str(free_port()) for port in ports}
            running[name] = project.start(name)
        deadline = time.monotonic() + PATIENCE_S
        for name in PROCESSES:  # each check is a container of its own: one after the other
            while not project.is_healthy(name):
                assert time.monotonic() < deadline, project.log(name)[-1_000:]
                time.sleep(CHECK_S)
                gone = [one for one, process in running.items() if process.poll() is not None]
                assert not gone, {one: project.log(one)[-1_000:] for one in gone}
        yield project
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(60)


def test_a_container_can_write_nowhere_else(project: Project) -> None:
    """The tests below would prove nothing if this did not hold."""
    places = ("/etc", "/usr", "/opt", "/var", "/root", "/audio", str(ROOT))
    for place in places:
        done = project.container.run(["touch", f"{place}/touched"], {})
        assert "Read-only file system" in done.stderr, place
    for place in ("/tmp", "/var/lib/earmark"):  # noqa: S108
        assert project.container.run(["touch", f"{place}/touched"], {}).returncode == 0
    assert project.container.run(["id", "-u"], {}).stdout == "65532\n"


def test_what_is_submitted_is_decided_by_containers_that_cannot_write(healthy: Project) -> None:
    made = samples(healthy.container.audio)
    for path in healthy.container.audio.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    submitted = healthy.start("submit")
    while submitted.poll() is None:  # a worker that is busy is not taken for one that hangs
        assert all(map(healthy.is_healthy, ("fingerprint", "classify")))
        time.sleep(CHECK_S)
    assert submitted.returncode == 0, healthy.log("submit")
    assert f"{len(made)} uploads sent, 0 not sent" in healthy.log("submit")
    logs = {name: healthy.log(name) for name in PROCESSES}
    refused = re.compile("read-only file system|permission denied|errno 30|errno 13", re.IGNORECASE)
    assert {name for name, log in logs.items() if refused.search(log)} == set()
    assert list(healthy.container.state.glob("artefacts/heard/*/*/*")), "the volume holds them"


def test_the_doctor_finds_nothing_there(healthy: Project) -> None:
    done = healthy.container.run(["earmark", "doctor", "--json"], healthy.environment("classify"))
    findings: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    faults = {one["check"] for one in findings if one["state"] == "fault"}
    assert faults <= {"disks"}, findings  # how full this machine's disk is, it does not decide
    assert done.returncode == bool(faults)
