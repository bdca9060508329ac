"""Traces of uploads, by OpenTelemetry's API; a no-op until ``configure`` finds a collector.

The context travels with the messages as W3C ``traceparent``. One trace leads from the ingest hook
(or the HTTP request) to the catalogue's acknowledgement, and on to verdicts and appeals. Without a
collector the SDK is not imported, and the ``traceparent`` of another producer is passed on.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from detector.errors import Fatal
from streams.contract.dead_letters import Message
from streams.runtime import metrics
from streams.runtime.settings import Settings

TRACEPARENT: Final = "traceparent"
W3C: Final = TraceContextTextMapPropagator()
LONGEST: Final = 512  # bytes; longer headers of other producers are not parsed

Headers = tuple[tuple[str, bytes], ...]
Attributes = Mapping[str, str | int]
Traced = tuple[str, Headers, Attributes]  # one item of a batch, by a key
Kind = Literal["internal", "producer", "consumer", "server"]

_tracer: trace.Tracer | None = None


def configure(settings: Settings, process: str) -> None:
    """Export traces where the settings name a collector; later calls change nothing.

    Raises:
        Fatal: a collector is named, and the packages for it are not installed.
    """
    if settings.traces_endpoint is None or _tracer is not None:
        return
    try:
        from streams.runtime.spans import exporting

        install(exporting(settings.traces_endpoint, settings.traces_share, process))
    except ImportError as error:
        raise Fatal(
            f"EARMARK_TRACES_ENDPOINT is set, and {error.name} is missing: install earmark[tracing]"
        ) from error


def install(provider: trace.TracerProvider | None) -> None:
    """Trace with this provider from now on; None: not at all."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("earmark")


def span(
    name: str,
    kind: Kind = "internal",
    *,
    headers: Headers | None = None,
    links: Iterable[SpanContext | None] = (),
    attributes: Attributes | None = None,
) -> AbstractContextManager[Any]:
    """Trace a block as the current span; an exception that leaves it marks the span as failed.

    Args:
        name: of low cardinality: ``fingerprint decode``, never an id.
        kind: its role towards other systems.
        headers: of the message or request that it handles: its parent. None: the current span.
        links: contexts from ``here`` of other spans that this one also works for.
        attributes: in OpenTelemetry's semantic conventions where there are some.
    """
    if _tracer is None:
        return nullcontext()
    return _tracer.start_as_current_span(
        name,
        context=None if headers is None else _context(headers),
        kind=SpanKind[kind.upper()],
        links=[Link(context) for context in links if context is not None],
        attributes=attributes,
    )


@contextmanager
def stage(processor: str, name: str) -> Iterator[None]:
    """Measure one stage of one event: its time as a metric, and as a span of its trace."""
    with metrics.STAGE_SECONDS.labels(processor, name).time(), span(f"{processor} {name}"):
        yield


class Many(dict[str, Span]):
    """The spans of a batch, by the keys of its items."""

    def within(self, key: str) -> AbstractContextManager[Any]:
        """Make the span of this item the current one."""
        return trace.use_span(self[key], end_on_exit=False) if key in self else nullcontext()


@contextmanager
def many(name: str, kind: Kind, items: Iterable[Traced]) -> Iterator[Many]:
    """Trace a batch as a span for each item, in the item's own trace."""
    spans = Many()
    if _tracer is not None:
        for key, headers, attributes in items:
            context = _context(headers)
            spans[key] = _tracer.start_span(name, context, SpanKind[kind.upper()], attributes)
    try:
        yield spans
    except BaseException as error:
        for each in spans.values():
            each.record_exception(error)
            each.set_status(Status(StatusCode.ERROR, repr(error)))
        raise
    finally:
        for each in spans.values():
            each.end()


def received(name: str, messages: Iterable[Message]) -> AbstractContextManager[Many]:
    """Trace a batch of messages, with the attributes of OpenTelemetry's conventions."""
    items: Iterable[Traced] = (
        (
            message.origin,
            message.headers,
            {
                "messaging.system": "kafka",
                "messaging.destination.name": message.topic,
                "messaging.destination.partition.id": str(message.partition),
                "messaging.kafka.offset": message.offset,
            },
        )
        for message in messages
    )
    return many(name, "consumer", items)


def carried(headers: Headers) -> Headers:
    """Return the headers of a message that follows from one with these: the current context."""
    context: dict[str, str] = {}
    W3C.inject(context)
    if not context:
        return headers
    others = (header for header in headers if header[0] not in W3C.fields)
    return (*others, *((name, value.encode()) for name, value in context.items()))


def here() -> SpanContext | None:
    """Return the context of the current span, for ``links`` of another; None without one."""
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def note(attributes: Attributes, name: str | None = None) -> None:
    """Add attributes to the current span, or give it a better name."""
    current = trace.get_current_span()
    current.set_attributes(attributes)
    if name is not None:
        current.update_name(name)


def failed(reason: str) -> None:
    """Mark the current span as failed, where no exception leaves it."""
    trace.get_current_span().set_status(Status(StatusCode.ERROR, reason))


def for_logs(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the current span to a log line (a processor of structlog)."""
    if (context := here()) is not None:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _context(headers: Headers) -> Context:
    """Return the parent that headers name; an empty context where they name none."""
    short = ((name.lower(), value) for name, value in headers if len(value) <= LONGEST)
    return W3C.extract({name: value.decode("ascii", "replace") for name, value in short}, Context())
