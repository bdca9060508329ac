"""JSON logs, one object a line, on standard error; events are named noun_verb."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import TextIO, cast

import structlog

from streams.runtime import tracing

REPEAT_S = 10.0  # a library repeats a message at most so often


def configure(level: str, **context: str) -> None:
    """Set up logging once per process; ``context`` (processor, pid) is on every line.

    Messages of the standard ``logging`` (Faust, aiokafka, kafka-python), from warnings up, get the
    same format; each is logged at most every ``REPEAT_S``. So do warnings and uncaught exceptions.
    """
    lowest = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        tracing.for_logs,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
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
    root.setLevel(max(lowest, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def silence(library: str) -> None:
    """Silence a library's logger, in a command that reports errors itself."""
    logging.getLogger(library).setLevel(logging.CRITICAL + 1)


class _StandardError:
    """Standard error at the time of writing: a test may replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _NotAgain(logging.Filter):
    """Drops a message that the same logger wrote lately, whatever its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, what = time.monotonic(), (record.name, str(record.msg))
        if now - self._written.get(what, -REPEAT_S) < REPEAT_S:
            return False
        if len(self._written) > 1_000:
            self._written.clear()
        self._written[what] = now
        return True


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger().error("exception_uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else None
    trace = (args.exc_type, args.exc_value, args.exc_traceback)
    structlog.get_logger().error("exception_uncaught", thread=name, exc_info=trace)
