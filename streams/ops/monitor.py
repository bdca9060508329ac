"""The monitor: metrics of the whole installation, from one process.

A stage without live workers reports nothing, so the monitor asks broker, ledger, disks and
certificates. A check that fails is counted and its gauges are cleared: an old value must not look
current.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from prometheus_client import Gauge

from streams.ops.checks import accuracy, broker, certificates, disks, drift, ledger, reference
from streams.runtime import logs, metrics
from streams.runtime.health import Health, serve
from streams.runtime.settings import Settings
from streams.store.database import Ledger, connect
from streams.store.track_facts import TrackFacts

NAME: Final = "monitor"
CONDITIONS: Final = ("broker", "ledger")  # ready after one success of each
BEAT_S: Final = 1.0

log = structlog.get_logger()


@dataclass
class Check:
    """A periodic check; ``ask`` sets the gauges."""

    name: str
    every_s: float
    ask: Callable[[], None]
    gauges: Iterable[Gauge]
    due: float = 0.0


def run_monitor(settings: Settings) -> int:
    """Run the monitor until SIGTERM or SIGINT; return the exit code, always 0."""
    logs.configure(settings.log_level, processor=NAME)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    health = Health(*CONDITIONS)
    port = serve(health, settings.metrics_host, settings.metrics_port)
    log.info("monitor_started", brokers=settings.brokers, port=port)
    with closing(Ledger(connect(settings.ledger))) as database:
        all_checks = checks(settings, database)
        while not stop.wait(BEAT_S):
            health.beat()
            for check in all_checks:
                if time.monotonic() >= check.due:
                    run_check(check, health)
                    health.beat()
    log.info("monitor_stopped")
    return 0


def checks(settings: Settings, database: Ledger) -> list[Check]:
    """Return the checks, the most important first; they connect when first run."""
    every_s = settings.monitor_interval_s
    rarely_s = 8 * every_s
    lag = partial(broker.measure, settings)
    open_work = partial(ledger.measure_open_work, database, settings)
    audit_head = ledger.AuditHead(database)
    registry = partial(ledger.measure_registry, TrackFacts(database))
    compare = partial(reference.measure, database, settings)
    accurate = partial(accuracy.measure, database, settings)
    in_effect = partial(ledger.measure_catalogue, database)
    dates = partial(certificates.measure, settings)
    return [
        Check("broker", every_s, lag, broker.GAUGES),
        Check("disks", every_s, partial(disks.measure, settings), disks.GAUGES),
        # of the database, whose queries cost more
        Check("ledger", 4 * every_s, open_work, ledger.GAUGES),
        Check("audit", 4 * every_s, audit_head.measure, (metrics.AUDIT_ENTRIES,)),
        Check("catalogue", rarely_s, in_effect, (metrics.NOT_IN_EFFECT,)),
        Check("quality", rarely_s, partial(ledger.measure_quality, database), ledger.QUALITY),
        Check("drift", rarely_s, partial(drift.measure, database), drift.GAUGES),
        Check("reference", rarely_s, compare, reference.GAUGES),
        Check("accuracy", 20 * every_s, accurate, accuracy.GAUGES),
        Check("rights", rarely_s, registry, ledger.RIGHTS),
        Check("certificates", 40 * every_s, dates, certificates.GAUGES),
    ]


def run_check(check: Check, health: Health) -> None:
    """Run a check once; a failure is counted and logged, and does not end the monitor."""
    failures = metrics.MONITOR_FAILURES.labels(check.name)  # there from the start, at 0
    good = False
    try:
        check.ask()
        good = True
    except Exception as error:  # noqa: BLE001 - the other checks go on
        for gauge in check.gauges:
            gauge.clear()
        failures.inc()
        log.warning("check_failed", check=check.name, error=str(error) or repr(error))
    if check.name in CONDITIONS:
        health.set(check.name, good)
    check.due = time.monotonic() + check.every_s
