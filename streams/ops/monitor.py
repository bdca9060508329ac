"""The monitor: metrics of the whole installation, from one process.

A stage without live workers reports nothing, not even its lag. So the monitor asks the broker
for lags, the ledger for open work, the disks for free space, the certificates for their end.
No other process depends on it.

A check that fails is counted and its gauges are cleared: an old value must not look current.
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
CONDITIONS: Final = ("broker", "ledger")  # ready after one success of each
BEAT_S: Final = 1.0
LEDGER_EVERY: Final = 4  # intervals: queries of the database cost more
QUALITY_EVERY: Final = 8
DRIFT_EVERY: Final = 8
RIGHTS_EVERY: Final = 8
CERTIFICATES_EVERY: Final = 40

log = structlog.get_logger()


@dataclass
class Check:
    """A periodic check."""

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
    """Yield the checks, the most important first; they connect when first run."""
    every_s = settings.monitor_interval_s
    with broker.Lag(settings) as lag, ledger.LedgerGauges(settings) as gauges:
        yield [
            Check("broker", every_s, lag.measure, broker.GAUGES),
            Check("disks", every_s, lambda: disks.measure(settings), disks.GAUGES),
            Check("ledger", LEDGER_EVERY * every_s, gauges.measure, ledger.GAUGES),
            Check("quality", QUALITY_EVERY * every_s, gauges.measure_quality, ledger.QUALITY),
            Check("drift", DRIFT_EVERY * every_s, gauges.measure_drift, drift.GAUGES),
            Check(
                "reference",
                DRIFT_EVERY * every_s,
                gauges.measure_reference,
                reference.GAUGES,
            ),
            Check("rights", RIGHTS_EVERY * every_s, gauges.measure_rights, rights.GAUGES),
            Check(
                "certificates",
                CERTIFICATES_EVERY * every_s,
                lambda: certificates.measure(settings),
                certificates.GAUGES,
            ),
        ]


def run_check(check: Check, health: Health) -> None:
    """Run a check once; a failure is counted and logged, and does not end the monitor."""
    try:
        check.ask()
    except Exception as error:  # noqa: BLE001 - the other checks go on
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
