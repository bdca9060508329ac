"""OpenTelemetry, as ``streams.runtime.tracing`` uses it; imported only where traces are wanted."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streams.runtime.tracing import Attributes, Headers, Kind

KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "server": SpanKind.SERVER,
}
EXPORT_S: Final = 5.0  # a collector that is away must not hold up the end of a process
W3C: Final = TraceContextTextMapPropagator()
LONGEST: Final = 512  # bytes of a header from outside that are looked at


class OfLinks(Sampler):
    """Decides about spans without a parent: a batch is recorded if one of its events is."""

    def __init__(self, share: float) -> None:
        self._by_chance = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        """See ``Sampler``."""
        by = ALWAYS_ON if _any_sampled(links) else self._by_chance
        return by.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """See ``Sampler``."""
        return f"OfLinks({self._by_chance.rate})"


def _any_sampled(links: Sequence[Link] | None) -> bool:
    return any(link.context.trace_flags.sampled for link in links or ())


class Tracer:
    """Makes spans and gives them to an exporter."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("earmark")

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind,
        headers: Headers | None,
        links: Iterable[Any],
        attributes: Attributes,
    ) -> Iterator[None]:
        """See ``tracing.span``."""
        with self._tracer.start_as_current_span(
            name,
            context=None if headers is None else _context(headers),
            kind=KINDS[kind],
            links=[Link(one) for one in links if one is not None],
            attributes=dict(attributes),
        ):
            yield

    def begin(self, name: str, kind: Kind, headers: Headers, attributes: Attributes) -> Span:
        """Start a span that is not the one around."""
        context = _context(headers)
        return self._tracer.start_span(name, context, KINDS[kind], dict(attributes))

    def end(self, spans: Iterable[Span], error: BaseException | None = None) -> None:
        """End these spans."""
        for one in spans:
            if error is not None:
                one.record_exception(error)
                one.set_status(Status(StatusCode.ERROR, repr(error)))
            one.end()

    @contextmanager
    def within(self, one: Span) -> Iterator[None]:
        """Make a span the one around, without ending it."""
        with trace.use_span(one, end_on_exit=False):
            yield

    def carried(self) -> Headers:
        """Return the headers that say which span is around; none: no span is."""
        said: dict[str, str] = {}
        W3C.inject(said)
        return tuple((name, value.encode()) for name, value in said.items())

    def here(self) -> Any:
        """See ``tracing.here``."""
        context = trace.get_current_span().get_span_context()
        return context if context.is_valid else None

    def note(self, attributes: Attributes, name: str | None) -> None:
        """See ``tracing.note``."""
        around = trace.get_current_span()
        if name is not None:
            around.update_name(name)
        around.set_attributes(dict(attributes))

    def failed(self, reason: str) -> None:
        """See ``tracing.failed``."""
        trace.get_current_span().set_status(Status(StatusCode.ERROR, reason))

    def ids(self) -> dict[str, str]:
        """Return the ids of the span around, as logs write them."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }


def exporting(endpoint: str, share: float, process: str) -> Tracer:
    """Return a tracer that sends to a collector over OTLP/HTTP, in the background.

    ``OTEL_EXPORTER_OTLP_HEADERS`` and ``OTEL_RESOURCE_ATTRIBUTES`` count as everywhere.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
    return made(BatchSpanProcessor(exporter), share, process)  # flushed when the process ends


def made(processor: SpanProcessor, share: float, process: str) -> Tracer:
    """Return a tracer that gives its spans to ``processor``."""
    resource = Resource.create(
        {
            "service.name": f"earmark-{process}",
            "service.namespace": "earmark",
            "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
        }
    )
    # whoever began a trace has decided whether it is recorded
    provider = TracerProvider(sampler=ParentBased(OfLinks(share)), resource=resource)
    provider.add_span_processor(processor)
    return Tracer(provider)


def _context(headers: Headers) -> Context:
    """Return what the headers say about the span before; an empty one where they say nothing."""
    said = {
        name.lower(): value.decode("ascii", errors="replace")
        for name, value in headers
        if len(value) <= LONGEST
    }
    return W3C.extract(said, Context())
