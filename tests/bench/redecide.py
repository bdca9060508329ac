"""How long the revocation of one agreement takes: ``python -m tests.bench.redecide [TRACKS]``.

An embedded broker, the real processes (redecide, ledger, catalogue), a SQLite ledger in which so
many tracks were decided under one agreement. The clock runs from the sending of the event to
the last superseding decision on the topic, and then to the catalogue's last answer.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from streams.contract import topics
from streams.contract.records import Declaration, Tool
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from streams.store.projections import rows_of
from streams.store.tables import APPLIED, DECISIONS
from tests.support.events import agreement, classified, message
from tests.support.policies import facts

TRACKS = 100_000
PATIENCE_S = 1_200


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fill(ledger: Ledger, settings: Settings, tracks: int) -> None:
    """Put analyses and decisions into the ledger, as its worker would have."""
    bundle, granted = load(settings.policy), agreement()
    tools = (Tool(name="Songmaker", agreement_id="AGR-1"),)
    ledger.write(rows_of(message(topics.RIGHTS_CHANGED, granted)))
    rows = []
    for number in range(tracks):
        event = classified(
            track_id=f"T-{number}", declared=Declaration(contains_ai="All", tools=tools)
        )
        decided = decide(event, bundle, facts(event, granted)).decided
        assert decided.label.licensed
        at = {"timestamp_ms": 1_795_000_000_000 + number}
        rows += rows_of(message(topics.CLASSIFIED, event, **at))
        rows += rows_of(message(topics.DECIDED, decided, **at))
        if len(rows) > 5_000:
            ledger.write(rows)
            rows = []
    ledger.write(rows)


def count(ledger: Ledger, table: object) -> int:
    with ledger.reading() as connection:
        return int(connection.scalars(select(func.count()).select_from(table)).one())  # type: ignore[arg-type]


def main(tracks: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedBroker(log_file=folder / "tansu.log") as broker:
            settings = Settings(
                brokers=broker.bootstrap,
                ledger=f"sqlite:///{folder}/ledger.db",
                fetch_max_wait_ms=50,
                redecide_per_s=10_000,
            )
            ensure_topics(settings)
            ledger = Ledger.open(settings.ledger)
            begun = time.monotonic()
            fill(ledger, settings, tracks)
            say(f"{tracks} tracks decided under one agreement ({time.monotonic() - begun:.0f} s)")
            with Supervisor(["redecide", "ledger", "catalogue"], settings, folder) as supervisor:
                assert supervisor.wait_ready(120) == []
                revoked = agreement(2, permission="revoked")
                producer = open_producer(settings, "bench")
                begun = time.monotonic()
                producer.send(
                    topics.RIGHTS_CHANGED, key=revoked.key.encode(), value=revoked.to_bytes()
                ).get(20)
                reached: dict[str, float] = {}
                while len(reached) < 2 and time.monotonic() - begun < PATIENCE_S:
                    time.sleep(2)
                    decided = count(ledger, DECISIONS) - tracks
                    applied = count(ledger, APPLIED)
                    passed = time.monotonic() - begun
                    for word, number in (("decided again", decided), ("applied", applied)):
                        if number >= tracks and word not in reached:
                            reached[word] = passed
                            say(f"{word}, in the ledger: {passed:.0f} s")
                    if int(passed) % 20 < 2:
                        say(f"  {passed:.0f} s: {decided} decided again, {applied} applied")
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            say(f"processor time of broker and processes: {used.ru_utime + used.ru_stime:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TRACKS)
