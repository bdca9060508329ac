"""The monitor: what no single worker can know of the installation, as metrics.

A stage whose workers are all dead reports nothing, least of all its own lag. So one small
process, of which one copy is enough, asks the others' places: the broker how far each group
is, the ledger what waits for whom, the disks how full they are, the certificates how long
they last. It decides nothing and nothing waits for it.

A check that fails is counted and its gauges are taken away: an old figure must not look
like a new one.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog
from prometheus_client import Gauge

from streams.ops.checks import broker, certificates, disks, drift, ledger, reference, rights
from streams.runtime import logs, metrics
from streams.runtime.health import Health, serve
from streams.runtime.settings import Settings

NAME: Final = "monitor"
CONDITIONS: Final = ("broker", "ledger")  # what must have been asked once with success
BEAT_S: Final = 1.0
LEDGER_EVERY: Final = 4  # intervals: questions to the database cost more
QUALITY_EVERY: Final = 8
DRIFT_EVERY: Final = 8
RIGHTS_EVERY: Final = 8
CERTIFICATES_EVERY: Final = 40

log = structlog.get_logger()


@dataclass
class Check:
    """Something that is asked every so often."""

    name: str
    every_s: float
    ask: Callable[[], None]
    gauges: Iterable[Gauge]
    due: float = field(default=0.0)


def run_monitor(settings: Settings) -> int:
    """Run the monitor until SIGTERM or SIGINT; return the exit code, always 0."""
    logs.configure(settings.log_level, processor=NAME)
    stop = threading.Event()

    def stopped(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    health = Health(*CONDITIONS)
    port = serve(health, settings.metrics_host, settings.metrics_port)
    log.info("monitor_started", brokers=settings.brokers, port=port)
    with checks(settings) as all_checks:
        while not stop.wait(BEAT_S):
            health.beat()
            for check in all_checks:
                if time.monotonic() >= check.due:
                    run_check(check, health)
                    health.beat()
    log.info("monitor_stopped")
    return 0


@contextmanager
def checks(settings: Settings) -> Iterator[list[Check]]:
    """Open what the checks need, lazily; they come back in the order of their importance."""
    every_s = settings.monitor_interval_s
    with broker.Lag(settings) as lag, ledger.Waiting(settings) as waiting:
        yield [
            Check("broker", every_s, lag.measure, broker.GAUGES),
            Check("disks", every_s, lambda: disks.measure(settings), disks.GAUGES),
            Check("ledger", LEDGER_EVERY * every_s, waiting.measure, ledger.GAUGES),
            Check("quality", QUALITY_EVERY * every_s, waiting.judge, ledger.QUALITY),
            Check("drift", DRIFT_EVERY * every_s, waiting.watch_drift, drift.GAUGES),
            Check(
                "reference",
                DRIFT_EVERY * every_s,
                waiting.hold_against_release,
                reference.GAUGES,
            ),
            Check("rights", RIGHTS_EVERY * every_s, waiting.look_at_rights, rights.GAUGES),
            Check(
                "certificates",
                CERTIFICATES_EVERY * every_s,
                lambda: certificates.measure(settings),
                certificates.GAUGES,
            ),
        ]


def run_check(check: Check, health: Health) -> None:
    """Ask once; a failure is a metric and a line, never the end of the monitor."""
    try:
        check.ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
        for gauge in check.gauges:
            gauge.clear()
        metrics.MONITOR_FAILURES.labels(check.name).inc()
        log.warning("check_failed", check=check.name, error=str(error) or repr(error))
        good = False
    else:
        metrics.MONITOR_FAILURES.labels(check.name).inc(0)  # there from the start, at 0
        good = True
    if check.name in CONDITIONS:
        health.set(check.name, good)
    check.due = time.monotonic() + check.every_s
