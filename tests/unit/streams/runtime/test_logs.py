"""Lines of logs."""

import json

import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.runtime import logs
from tests.support.tracing import TRACE, bad, end, named


def test_logs_name_their_trace(
    spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", processor="unit")
    end(bad)
    (line,) = [
        content
        for content in map(json.loads, capsys.readouterr().err.splitlines())
        if content["event"] == "dead_letter_sent"
    ]
    assert line["trace_id"] == TRACE
    assert line["span_id"] == f"{named(spans)['unit source'].context.span_id:016x}"
    structlog.contextvars.clear_contextvars()
