"""``bench rescore``: stored observations scored again through the lane, while workers are killed.

A broker (embedded, or an empty Kafka), the real processes (rescore, ledger, redecide), a SQLite
ledger of so many decided tracks. Each has a content of its own, and one of a few synthetic
observations. The clock runs from the first request to the last analysis in the ledger; decisions
follow. Beside it: reading and scoring the same observations in one process.
"""

import resource
import signal
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import func, select

from streams.contract import topics
from streams.contract.records import ObservationRef, TrackFingerprinted
from streams.media.artefacts import ArtefactStore
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.rescore_lane import rescore
from streams.ops.supervisor import Supervisor
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services.analyses import seconds_each
from streams.services.rescoring import Selection, selected
from streams.store.database import Ledger, Row
from streams.store.projections import rows_of
from streams.store.tables import ANALYSES
from tests.bench.table import Report
from tests.bench.table import Row as Line
from tests.support.events import classified, fingerprinted, message
from tests.support.scoring import REFERENCE, observation, put

KINDS: Final = 32  # different observations
PATIENCE_S: Final = 120.0
BATCH: Final = 5_000  # rows written at once


def bench_rescore(
    tracks: int, seconds: float, workers: int, kill_s: float, brokers: str | None
) -> Report:
    """Run it.

    Args:
        tracks: stored ones.
        seconds: length of the synthetic recordings.
        workers: of ``rescore``.
        kill_s: seconds after which a worker is killed, again and again; 0: none is.
        brokers: bootstrap servers of a Kafka without events, or None for an embedded broker.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(
            brokers=brokers or stack.enter_context(EmbeddedBroker()).bootstrap,
            ledger=f"sqlite:///{folder}/ledger.db",
            store=f"file://{folder}/store",
            session_timeout_s=6,
            fetch_max_wait_ms=100,
        )
        ensure_topics(settings)
        store, ledger = ArtefactStore.open(settings.store), Ledger.open(settings.ledger)
        references = [put(store, observation(n, seconds).to_bytes()) for n in range(KINDS)]
        alone_s = seconds_each(settings, settings.model, references) or 0.0
        _fill(ledger, settings, references, tracks)
        selection = Selection(REFERENCE, settings.rates)
        items = selected(ledger, load(settings.policy), selection, datetime.now(UTC))
        names = [*["rescore"] * workers, "ledger", "redecide"]
        with Supervisor(names, settings, folder / "logs") as supervisor:
            if late := supervisor.wait_ready(PATIENCE_S):
                raise RuntimeError(f"not ready: {', '.join(late)}")
            killer = _Killer(supervisor, workers, kill_s)
            begun = time.monotonic()
            counts = rescore(settings, items, tracks, ahead=1_000, console=Console())
            while _scored(ledger) < tracks and time.monotonic() - begun < 60 + 10 * tracks:
                time.sleep(0.2)
            wall_s = time.monotonic() - begun
            killer.stop.set()
            killer.join()
        cpu_s = _cpu_s()
        once = _scored(ledger) == _scored_tracks(ledger) == tracks == counts["sent"]
        ledger.close()
    rate = tracks / wall_s
    alone = 1 / alone_s
    return Report(
        "rescore",
        "scored alone",
        (
            Line("read and scored, one process", (alone,), "observations/s", 1.0),
            Line("through the lane", (rate,), "observations/s", rate / alone),
        ),
        {
            "tracks": tracks,
            "rescored_per_second": rate,
            "core_seconds_each": cpu_s / tracks,
            "core_hours_per_million": cpu_s / tracks * 1e6 / 3_600,
            "workers_killed": killer.killed,
            "each_once": float(once),
        },
        ("core seconds: of the workers, their starts and the decisions included",),
    )


class _Killer(threading.Thread):
    """Starts ended workers again, and kills one every so often."""

    def __init__(self, supervisor: Supervisor, workers: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self._supervisor, self._workers, self._every_s = supervisor, workers, every_s
        self.stop, self.killed = threading.Event(), 0
        self.start()

    def run(self) -> None:
        """Watch until stopped."""
        killed_at = time.monotonic()
        while not self.stop.wait(0.5):
            self._supervisor.watch()
            if self._every_s and time.monotonic() - killed_at > self._every_s:
                worker = self._supervisor.children[self.killed % self._workers].process
                killed_at = time.monotonic()
                if worker is not None:
                    worker.send_signal(signal.SIGKILL)
                    self.killed += 1


def _fill(
    ledger: Ledger, settings: Settings, references: list[ObservationRef], tracks: int
) -> None:
    """Put decoded, scored and decided tracks into the ledger, as its worker would have."""
    bundle, rows = load(settings.policy), list[Row]()
    common = {"fingerprint": fingerprinted().fingerprint}
    for number in range(tracks):
        event = classified(track_id=f"T-{number:07}")
        event = event.model_copy(update={"content_sha256": f"{number:064x}"})
        parts = common | {"observation": references[number % len(references)]}
        decoded = TrackFingerprinted.model_validate(dict(event) | parts)
        decided = decide(event, bundle).decided
        records = {topics.FINGERPRINTED: decoded, topics.CLASSIFIED: event, topics.DECIDED: decided}
        for topic, record in records.items():
            rows += rows_of(message(topic, record))
        if len(rows) > BATCH:
            ledger.write(rows)
            rows = []
    ledger.write(rows)


def _scored(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        query = select(func.count()).where(ANALYSES.c.replaces.is_not(None))
        return int(connection.scalars(query).one())


def _scored_tracks(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        replaced = select(func.count(ANALYSES.c.track_id.distinct()))
        return int(connection.scalars(replaced.where(ANALYSES.c.replaces.is_not(None))).one())


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
