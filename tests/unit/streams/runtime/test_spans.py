"""Which traces are recorded, by a share of them and by their batches."""

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, TraceFlags

from streams.runtime import tracing
from streams.runtime.spans import provider_of
from tests.support.tracing import end, good, named


def test_a_share_of_traces_is_recorded() -> None:
    exporter = InMemorySpanExporter()
    tracing.install(provider_of(SimpleSpanProcessor(exporter), 0.0, "unit"))
    end(good, ())
    assert named(exporter) == {}
    with tracing.span(
        "batch", links=[SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(1))]
    ):
        pass
    assert named(exporter).keys() == {"batch"}, "a batch is recorded if one of its events is"
    tracing.install(None)
