"""Fixtures of the tests of traces."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.runtime import tracing
from streams.runtime.spans import provider_of


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.install(provider_of(SimpleSpanProcessor(exporter), 1.0, "unit"))
    yield exporter
    tracing.install(None)
