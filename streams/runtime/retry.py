"""When a transient failure is attempted again: growing pauses with jitter, cut short by a stop.

On tenacity and not on stamina: its pauses can be ended by an event, and a process shows that it
lives while it waits.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_never,
    wait_exponential,
    wait_random_exponential,
)

from detector.errors import NotYet, Transient
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.settings import Settings

log = structlog.get_logger()

T = TypeVar("T")


class RetryPolicy:
    """The policy of one process.

    The pause before attempt ``n + 1`` lies between half and the whole of
    ``min(retry_cap_s, retry_base_s * 2 ** (n - 1))``: what fails together comes back apart.
    """

    def __init__(
        self,
        processor: str,
        settings: Settings,
        health: Health | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._processor, self._health = processor, health or Health()
        self._stop = stop or threading.Event()
        self._attempts = settings.retry_attempts
        base_s, cap_s = settings.retry_base_s / 2, settings.retry_cap_s / 2
        self._wait = wait_exponential(base_s, cap_s) + wait_random_exponential(base_s, cap_s)

    def call(self, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` until it succeeds, at most ``retry_attempts`` times, late ones apart.

        Raises:
            Transient: of the last attempt.
        """
        return Retrying(sleep=self._sleep, **self._options(self._attempts))(attempt)

    def call_until_stopped(self, condition: str, attempt: Callable[[], T]) -> T | None:
        """Call ``attempt`` until it succeeds, then set the condition; None when stopped before."""
        retrying = Retrying(sleep=self._sleep, **self._options(None))
        result = retrying(lambda: None if self._stop.is_set() else attempt())
        if result is not None:
            self._health.set(condition, True)
        return result

    async def call_async(self, attempt: Callable[[], Awaitable[T]], *, forever: bool = False) -> T:
        """Await ``attempt`` until it succeeds, at most ``retry_attempts`` times or forever.

        Raises:
            Transient: of the last attempt.
        """
        options = self._options(None if forever else self._attempts)
        return await AsyncRetrying(sleep=asyncio.sleep, **options)(attempt)

    def _options(self, attempts: int | None) -> dict[str, Any]:
        return {
            "retry": retry_if_exception_type(Transient),
            "wait": self._wait,
            "stop": stop_never if attempts is None else partial(_is_last, attempts),
            "before_sleep": self._note,
            "reraise": True,
        }

    def _note(self, state: RetryCallState) -> None:
        metrics.RETRIES.labels(self._processor).inc()
        log.warning(
            "attempt_failed",
            attempt=state.attempt_number,
            pause_s=round(state.upcoming_sleep, 2),
            error=str(state.outcome and state.outcome.exception()),
        )

    def _sleep(self, pause_s: float) -> None:
        self._health.beat()
        self._stop.wait(pause_s)
        self._health.beat()


def _is_last(attempts: int, state: RetryCallState) -> bool:
    late = state.outcome is not None and isinstance(state.outcome.exception(), NotYet)
    return not late and state.attempt_number >= attempts
