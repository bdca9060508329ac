"""The catalogue through the lane of rescoring: a worker killed, a run interrupted, each once."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import func, select

from streams.contract import topics
from streams.contract.records import TrackClassified, TrackFingerprinted
from streams.contract.records.rescoring import TrackRescoring
from streams.media.artefacts import ArtefactStore
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.rescore_lane import core_hours, rescore
from streams.ops.supervisor import Supervisor
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.rescoring import Left, Selection, selected
from streams.stages.ledger import project
from streams.store import reopening
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DECISIONS
from tests.support.events import classified, fingerprinted, message
from tests.support.scoring import REFERENCE, observation, put

pytestmark = pytest.mark.pipeline

TRACKS = [f"T-{number:02}" for number in range(40)]
QUIET = Console(quiet=True)
PATIENCE_S = 180.0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def stored(settings: Settings, ledger: Ledger) -> None:
    """Store tracks of contents of their own, as an earlier model scored them."""
    store, bundle = ArtefactStore.open(settings.store), load(settings.policy)
    reference = put(store, observation(1).to_bytes())
    for number, track_id in enumerate(TRACKS):
        event = classified(track_id=track_id)
        event = event.model_copy(update={"content_sha256": f"{number:064x}"})
        parts = {"observation": reference, "fingerprint": fingerprinted().fingerprint}
        decoded = TrackFingerprinted.model_validate(dict(event) | parts)
        decided = decide(event, bundle).decided
        records = {topics.FINGERPRINTED: decoded, topics.CLASSIFIED: event, topics.DECIDED: decided}
        project(ledger, [message(topic, record) for topic, record in records.items()])


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with EmbeddedBroker(log_file=tmp_path / "broker.log") as broker:
        settings = Settings(
            brokers=broker.bootstrap,
            ledger=f"sqlite:///{tmp_path}/ledger.db",
            store=f"file://{tmp_path}/store",
            session_timeout_s=6,
            fetch_max_wait_ms=50,
            partitions=2,
            device="cpu",
        )
        ensure_topics(settings)
        yield settings


def test_each_track_is_scored_once_whatever_is_killed(settings: Settings, tmp_path: Path) -> None:
    ledger = Ledger.open(settings.ledger)
    stored(settings, ledger)
    bundle, selection = load(settings.policy), Selection(REFERENCE, settings.rates)

    def items() -> Iterator[TrackRescoring | Left]:
        return selected(ledger, bundle, selection, datetime.now(UTC))

    def scored() -> int:
        with ledger.reading() as connection:
            query = select(func.count()).where(ANALYSES.c.replaces.is_not(None))
            return int(connection.scalars(query).one())

    counts, cost = core_hours(settings, settings.model, items(), len(TRACKS), console=QUIET)
    assert counts == Counter(sent=len(TRACKS))
    assert "core-hours" in cost
    half = len(TRACKS) // 2
    with Supervisor(["rescore", "ledger", "redecide"], settings, tmp_path / "logs") as supervisor:
        assert supervisor.wait_ready(PATIENCE_S) == []
        first = islice(items(), half)  # the command is interrupted after these
        results: list[Counter[str]] = []
        thread = threading.Thread(
            target=lambda: results.append(
                rescore(settings, first, len(TRACKS), ahead=half, console=QUIET)
            )
        )
        thread.start()
        until(lambda: scored() > 0)
        worker = supervisor.children[0].process
        assert worker is not None
        worker.send_signal(signal.SIGKILL)

        def ended() -> bool:
            supervisor.watch()  # which starts the worker again
            return not thread.is_alive()

        until(ended)
        assert results == [Counter(sent=half)]
        until(lambda: scored() == half)  # no worker is started any more: all was answered
        again = rescore(settings, items(), len(TRACKS), ahead=half, console=QUIET)
        assert again == Counter(answered=half, sent=len(TRACKS) - half)

        def decided_again() -> bool:
            current = reopening.current_decisions(ledger, TRACKS).values()
            return all(one.decided.model == REFERENCE for one in current)

        until(decided_again)
    current = reopening.current_decisions(ledger, TRACKS)
    assert sorted(current) == TRACKS
    assert {one.decided.cause.kind for one in current.values() if one.decided.cause} == {"model"}
    events = [one.event for one in current.values()]
    assert all(isinstance(event, TrackClassified) and event.replaces for event in events)
    assert set(items()) == {"answered"}
    with ledger.reading() as connection:
        decisions = connection.scalars(select(func.count()).select_from(DECISIONS)).one()
    assert (scored(), decisions) == (len(TRACKS), 2 * len(TRACKS)), "each once"
    ledger.close()
