"""JSON logs, one object a line, on standard error; events are named noun_verb."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import TextIO, cast

import structlog

from streams.runtime import tracing

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
REPEAT_S = 10.0  # a library says the same thing at most so often


def configure(level: str, **context: str) -> None:
    """Set up logging once per process; ``context`` (processor, pid) is on every line.

    Libraries that use the standard ``logging`` (Faust, aiokafka, kafka-python) go through
    the same formatter, from warnings up, and each message at most every ``REPEAT_S``:
    their chatter is not ours to keep (without a broker, aiokafka alone says 40 lines a
    second). So do warnings and exceptions that nobody caught.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        tracing.for_logs,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**context)
    handler = logging.StreamHandler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    handler.addFilter(_NotAgain())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def silence(library: str) -> None:
    """Let a library's logger say nothing, in a command that tells people itself what is wrong."""
    logging.getLogger(library).setLevel(logging.CRITICAL + 1)


class _StandardError:
    """Standard error as it is when something is said.

    Loggers are cached for as long as the process lives, and whoever runs a command within
    another program (tests do) gives it a standard error that is closed afterwards.
    """

    def write(self, text: str) -> int:
        """Write."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush."""
        sys.stderr.flush()


class _NotAgain(logging.Filter):
    """Drops what the same logger has said lately, whatever the numbers in it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, what = time.monotonic(), (record.name, str(record.msg))
        if now - self._said.get(what, -REPEAT_S) < REPEAT_S:
            return False
        if len(self._said) > 1_000:
            self._said.clear()
        self._said[what] = now
        return True


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger().error("exception_uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else None
    trace = (args.exc_type, args.exc_value, args.exc_traceback)
    structlog.get_logger().error("exception_uncaught", thread=name, exc_info=trace)
