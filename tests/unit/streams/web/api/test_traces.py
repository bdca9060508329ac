"""A request over HTTP begins, or goes on in, the trace of what it causes."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from streams.runtime import tracing
from streams.runtime.spans import provider_of
from streams.store.account_tables import OUTBOX
from tests.support.console import Console

TRACE = "0af7651916cd43dd8448eb211c80319c"
BODY = {"track_id": "T-1", "uri": "file:///audio/one.wav"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.install(provider_of(SimpleSpanProcessor(exporter), 1.0, "unit"))
    yield exporter
    tracing.install(None)


def waiting(console: Console) -> str | None:
    with console.resources.ledger.reading() as connection:
        parent: str | None = connection.scalar(select(OUTBOX.c.traceparent))
    return parent


def test_an_upload_goes_on_in_the_trace_of_whoever_sends_it(
    console: Console, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    assert console.program("ingest").post("/uploads", json=BODY, headers=headers).is_success
    (span,) = spans.get_finished_spans()
    assert span.name == "POST /v1/uploads"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert waiting(console) == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_without_traces_the_outbox_knows_of_none(console: Console) -> None:
    assert console.program("ingest").post("/uploads", json=BODY).is_success
    assert waiting(console) is None
