"""Trying again: growing pauses with jitter, cut short by the wish to stop."""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from detector.errors import Transient
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.settings import Settings

log = structlog.get_logger()

MAX_DOUBLINGS = 16  # far beyond any cap; a start may try for days

T = TypeVar("T")


class Patience:
    """The patience of one process; it keeps the process alive to its health while it waits."""

    def __init__(
        self, name: str, settings: Settings, health: Health, stop: threading.Event
    ) -> None:
        self._name, self._settings, self._health, self._stop = name, settings, health, stop

    def awaited(self, condition: str, attempt: Callable[[], T]) -> T | None:
        """Try until it succeeds; None when stopped before. For the start, which has time."""
        tries = 0
        while not self._stop.is_set():
            try:
                result = attempt()
            except Transient as error:
                tries += 1
                self.pause(tries, error)
            else:
                self._health.set(condition, True)
                return result
        return None

    def pause(self, tries: int, error: Transient) -> None:
        """Wait after the ``tries``-th failure in a row."""
        metrics.RETRIES.labels(self._name).inc()
        longest = self._settings.retry_cap_s
        pause = min(longest, self._settings.retry_base_s * 2 ** min(tries - 1, MAX_DOUBLINGS))
        pause *= 0.5 + random.random() / 2  # noqa: S311 - who fails together comes back apart
        log.warning("try_failed", tries=tries, pause_s=round(pause, 2), error=str(error))
        self._health.beat()
        self._stop.wait(pause)
        self._health.beat()
