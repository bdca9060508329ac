"""OpenTelemetry's SDK for ``streams.runtime.tracing``; imported only where traces are exported."""

import os
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
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
from opentelemetry.trace import Link, SpanKind

EXPORT_S: Final = 5.0  # an unreachable collector must not delay the end of a process


class OfLinks(Sampler):
    """Samples spans without a parent: a batch is recorded if one of its events is."""

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
        sampled = any(link.context.trace_flags.sampled for link in links or ())
        sampler = ALWAYS_ON if sampled else self._by_chance
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """See ``Sampler``."""
        return f"OfLinks({self._by_chance.rate})"


def exporting(endpoint: str, share: float, process: str) -> TracerProvider:
    """Return a provider that exports to a collector over OTLP/HTTP, in the background.

    ``OTEL_EXPORTER_OTLP_HEADERS`` and ``OTEL_RESOURCE_ATTRIBUTES`` apply.
    """
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
    return provider_of(BatchSpanProcessor(exporter), share, process)  # flushed at exit


def provider_of(processor: SpanProcessor, share: float, process: str) -> TracerProvider:
    """Return a provider that passes its spans to ``processor``."""
    resource = Resource.create(
        {
            "service.name": f"earmark-{process}",
            "service.namespace": "earmark",
            "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
        }
    )
    # the producer that began a trace has decided whether it is recorded
    provider = TracerProvider(sampler=ParentBased(OfLinks(share)), resource=resource)
    provider.add_span_processor(processor)
    return provider
