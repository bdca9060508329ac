"""Apache Kafka for tests and for people: one KRaft node, its jars brought by Maven.

    with apache_kafka(tmp_path) as kafka:             # skips where there is no Java
        Settings(brokers=kafka.bootstrap)             # PLAINTEXT
    with apache_kafka(tmp_path, secure=True) as kafka:
        Settings.model_validate(kafka.secured())      # SASL_SSL; other protocols by name
    kafka.kill(); kafka.start()                       # same ports, same data

``make kafka`` runs this module. The jars are fetched once, into ``build/kafka``, which
git ignores. What a node writes lies in the folder that it is given.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.processes import dying_with, free_port
from streams.runtime.settings import Settings
from tests.support.certificates import make_certificates, run
from tests.support.paths import ROOT

POM: Final = ROOT / "deploy" / "kafka" / "pom.xml"
CACHE: Final = ROOT / "build" / "kafka"
OPTIONS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN")
CLASSES: Final = "classes.jsa"  # prepared beside the jars: each start takes a quarter less
START_PATIENCE_S: Final = 90.0
STOP_PATIENCE_S: Final = 30.0
USER: Final = "earmark"
MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PROTOCOLS: Final = ("SASL_SSL", "SASL_PLAINTEXT", "SSL")  # besides PLAINTEXT, where secure


class NoKafka(RuntimeError):
    """Apache Kafka cannot be had here; the message names what is missing."""


class ApacheKafka:
    """One node, broker and controller at once; a context manager.

    Args:
        folder: where its data, log and certificates lie.
        secure: also listen with TLS and SASL (``PROTOCOLS``); needs openssl.
        properties: further lines of ``server.properties``.
    """

    def __init__(
        self, folder: Path, *, secure: bool = False, properties: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.user, self.password = USER, secrets.token_urlsafe(16)
        self._properties = dict(properties or {})
        names = ("PLAINTEXT", "CONTROLLER", *(PROTOCOLS if secure else ()))
        self._ports = {name: free_port() for name in names}
        self._secure = secure
        self._jars = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` of the listener without TLS and SASL."""
        return self.address("PLAINTEXT")

    @property
    def ca_file(self) -> Path:
        """The certificate that signed the node's and the client's."""
        return self.folder / "ca.crt"

    @property
    def log_file(self) -> Path:
        """Warnings and errors of all lives of the node."""
        return self.folder / "kafka.log"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process, while it is there."""
        return self._process.pid if self._process is not None and self.running else None

    def address(self, protocol: str) -> str:
        """``host:port`` of one listener."""
        return f"127.0.0.1:{self._ports[protocol]}"

    def secured(
        self, protocol: str = "SASL_SSL", mechanism: str = "SCRAM-SHA-512"
    ) -> dict[str, Any]:
        """Fields of ``Settings`` for one secure listener; SSL wants a client certificate."""
        fields: dict[str, Any] = {
            "brokers": self.address(protocol),
            "security_protocol": protocol,
        }
        if "SASL" in protocol:
            fields |= {
                "sasl_mechanism": mechanism,
                "sasl_username": self.user,
                "sasl_password": self.password,
            }
        if "SSL" in protocol:
            fields["tls_ca_file"] = str(self.ca_file)
        if protocol == "SSL":
            fields |= {
                "tls_cert_file": str(self.folder / "client.crt"),
                "tls_key_file": str(self.folder / "client.key"),
            }
        return fields

    def start(self) -> None:
        """Start it, the first time or again on the same ports and data, and wait for it.

        Raises:
            NoKafka: there is no Java, Maven or openssl, or the jars cannot be fetched.
            RuntimeError: it did not start; the message ends with its log.
        """
        if self.running:
            raise RuntimeError("it runs already")
        if not self._jars:
            self._jars = f"{jars()}/*"
            self._prepare()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java("kafka.Kafka"), str(self.folder / "server.properties")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut does; ``start`` starts it again."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; safe to call twice."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Keep it from answering while its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What a test leaves behind is of no use: no need to wait for good manners.
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _prepare(self) -> None:
        """Write certificates and properties, and format the storage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._secure:
            if shutil.which("openssl") is None:
                raise NoKafka("no secure Kafka here: not on PATH: openssl")
            make_certificates(self.folder)
        properties = self._listeners() | {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{self.address('CONTROLLER')}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "data"),
            # A killed node must be forgotten before it may come back: 9 s by default.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "num.partitions": "4",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
        }
        file = self.folder / "server.properties"
        lines = (properties | self._properties).items()
        file.write_text("".join(f"{name}={value}\n" for name, value in lines))
        cluster = "k" + secrets.token_urlsafe(16)[:21]  # never like an option, with a dash first
        users = [f"{name}=[name={self.user},password={self.password}]" for name in MECHANISMS]
        run(
            [
                *self._java("kafka.tools.StorageTool"),
                *("format", "--ignore-formatted", "-t", cluster, "-c", str(file)),
                *(word for user in users for word in ("--add-scram", user)),
            ]
        )

    def _listeners(self) -> dict[str, str]:
        listeners = ",".join(f"{name}://{self.address(name)}" for name in self._ports)
        names = ",".join(f"{name}:{name}" for name in self._ports if name != "CONTROLLER")
        properties = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{names}",
        }
        if not self._secure:
            return properties
        plain = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_{self.user}="{self.password}";'
        )
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        for listener in ("sasl_ssl", "sasl_plaintext"):
            prefix = f"listener.name.{listener}"
            properties |= {
                f"{prefix}.sasl.enabled.mechanisms": ",".join(("PLAIN", *MECHANISMS)),
                f"{prefix}.plain.sasl.jaas.config": plain,
                f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
                f"{prefix}.scram-sha-512.sasl.jaas.config": scram,
            }
        return properties | {
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.folder / "node.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
        }

    def _java(self, program: str) -> list[str]:
        options = (
            "-Xms64m",
            "-Xmx512m",
            f"-XX:SharedArchiveFile={self._jars.removesuffix('*')}{CLASSES}",
        )
        return ["java", *OPTIONS, *options, "-cp", self._jars, program]

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if not self.running:
                break
            with suppress(KafkaError, BrokerAway):
                admin = KafkaAdminClient(
                    bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=1_000
                )
                try:
                    admin.list_topics()
                finally:
                    admin.close()
                if self._secure:  # a first handshake takes seconds on a busy machine
                    with open_admin(Settings.model_validate(self.secured())):
                        pass
                return
            time.sleep(0.1)
        raise RuntimeError(f"Kafka did not start: {self.log_file.read_text()[-2_000:]}")


@contextmanager
def apache_kafka(folder: Path, **options: Any) -> Iterator[ApacheKafka]:
    """Run a node for a test, in ``folder / "kafka"``; skip where there can be none."""
    kafka = ApacheKafka(folder / "kafka", **options)
    try:
        kafka.start()
    except NoKafka as error:
        pytest.skip(str(error))
    try:
        yield kafka
    finally:
        kafka.kill()


def jars() -> Path:
    """Return the folder of Kafka's jars; fetched on first use, which takes half a minute.

    Raises:
        NoKafka: there is no Java or Maven, or nothing can be fetched.
    """
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        raise NoKafka(f"no Apache Kafka here: not on PATH: {', '.join(missing)}")
    folder = CACHE.resolve() / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # two test runs may want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as fetched:
                goal = ("dependency:copy-dependencies", f"-DoutputDirectory={fetched}/jars")
                try:
                    run(["mvn", "-q", "-B", "-f", str(POM), *goal], patience_s=300)
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    raise NoKafka(f"Kafka's jars cannot be fetched: {error}") from error
                Path(fetched, "jars").rename(folder)
        if not (folder / CLASSES).exists():
            archive = f"-XX:ArchiveClassesAtExit={folder / CLASSES}"
            tool = ("-cp", f"{folder}/*", "kafka.tools.StorageTool", "random-uuid")
            run(["java", *OPTIONS, archive, *tool])
    return folder


def main() -> int:
    """Run one for people until Ctrl-C; ``--secure`` adds the listeners with TLS and SASL."""
    secure = "--secure" in sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="earmark-kafka-") as folder:
        kafka = ApacheKafka(Path(folder), secure=secure)
        try:
            kafka.start()
            sys.stdout.write(f"EARMARK_BROKERS={kafka.bootstrap}\n")
            for protocol in PROTOCOLS if secure else ():
                fields = kafka.secured(protocol).items()
                lines = (f"EARMARK_{name.upper()}={value}\n" for name, value in fields)
                sys.stdout.write("\n" + "".join(lines))
            sys.stdout.write("\nCtrl-C ends it; nothing is kept.\n")
            sys.stdout.flush()
            signal.pause()
        except KeyboardInterrupt:
            return 0
        except NoKafka as error:
            sys.stderr.write(f"earmark: {error}\n")
            return 1
        finally:
            kafka.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
