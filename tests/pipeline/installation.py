"""The processes behind a decision on a broker; a person types commands against them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract.records import Record, TrackDecided
from streams.ops.embedded_broker import ensure_topics
from streams.ops.state import State
from streams.ops.supervisor import Supervisor
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from streams.store import queries
from streams.store.database import Ledger
from streams.store.reopening import current_decisions
from tests.support.forks import forks


class Installation:
    """What they did, and how to act on them."""

    def __init__(self, settings: Settings, state: State) -> None:
        self.settings, self.state = settings, state
        self.ledger = Ledger.open(settings.ledger)

    def tell(self, topic: str, record: Record) -> None:
        producer = open_producer(self.settings, "test")
        producer.send(topic, key=record.key.encode(), value=record.to_bytes()).get(20)
        producer.close()

    def run(self, *words: str) -> str:
        """Type a command against this instance."""
        run = CliRunner().invoke(app, [*words, "--state", str(self.state.folder)])
        assert run.exit_code == 0, run.output
        return run.output

    def registered(self, agreement: str) -> None:
        """Wait until the ledger has an entry: a track that comes before it is decided twice."""
        deadline = time.monotonic() + 30
        while agreement not in self.run("rights", "ls"):
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.1)

    def until(self, holds: Callable[[TrackDecided], bool], track_id: str = "T-1") -> TrackDecided:
        """Wait for a current decision, and until the catalogue has applied it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            value = current_decisions(self.ledger, [track_id]).get(track_id)
            if (
                value
                and holds(value.decided)
                and self.applied(track_id) == value.decided.decision_id
            ):
                return value.decided
            time.sleep(0.1)
        raise AssertionError(f"never: {queries.story(self.ledger, track_id)}")

    def applied(self, track_id: str = "T-1") -> str | None:
        with self.ledger.reading() as connection:
            if not sqlalchemy.inspect(connection).has_table("catalogue_tracks"):
                return None
            asked = sqlalchemy.text("SELECT decision_id FROM catalogue_tracks WHERE track_id = :id")
            decision_id: str | None = connection.scalars(asked, {"id": track_id}).first()
        return decision_id

    def rows(self, table: str, expected: int) -> list[dict[str, Any]]:
        """Wait until the story of the track has so many entries of a table."""
        deadline = time.monotonic() + 30
        while True:
            story = queries.story(self.ledger, "T-1")
            result = [dict(entry.record) for entry in story if entry.table == table]
            if len(result) >= expected or time.monotonic() > deadline:
                assert len(result) == expected, result
                return result
            time.sleep(0.1)


@contextmanager
def installed(folder: Path, bootstrap: str) -> Iterator[Installation]:
    """Start decide, redecide, ledger and catalogue on a broker."""
    state = State(folder / "state")
    settings = Settings(
        brokers=bootstrap,
        ledger=f"sqlite:///{folder}/state/ledger.db",
        session_timeout_s=6,
        fetch_max_wait_ms=50,
    )
    ensure_topics(settings)
    workers = ["decide", "redecide", "ledger", "catalogue"]
    with Supervisor(workers, settings, folder / "logs", forks()) as supervisor:
        assert supervisor.wait_ready(90) == []
        state.folder.mkdir(exist_ok=True)
        state.announce(settings)
        yield Installation(settings, state)
