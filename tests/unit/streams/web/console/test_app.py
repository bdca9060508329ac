"""The application as a whole: traces begin here, and every answer has its headers."""

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


def test_an_upload_begins_a_trace_that_names_the_callers(
    console: Console, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    assert console.program("ingest").post("/uploads", json=BODY, headers=headers).is_success
    (span,) = spans.get_finished_spans()
    assert span.name == "POST /v1/uploads"
    assert span.parent is None
    trace = f"{span.context.trace_id:032x}"
    assert trace != TRACE
    assert (span.attributes or {})["http.request.header.traceparent"] == headers["traceparent"]
    assert str(waiting(console)).startswith(f"00-{trace}-{span.context.span_id:016x}-")


def test_a_stranger_does_not_decide_what_is_traced(console: Console) -> None:
    exporter = InMemorySpanExporter()
    tracing.install(provider_of(SimpleSpanProcessor(exporter), 0.0, "unit"))
    try:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        assert console.program("ingest").post("/uploads", json=BODY, headers=headers).is_success
    finally:
        tracing.install(None)
    assert exporter.get_finished_spans() == ()
    assert TRACE not in str(waiting(console))


def test_without_traces_the_outbox_knows_of_none(console: Console) -> None:
    assert console.program("ingest").post("/uploads", json=BODY).is_success
    assert waiting(console) is None


def test_every_answer_forbids_what_we_do_not_need(console: Console) -> None:
    admin = console.browser("admin")
    for path in (
        "/check",
        "/login",
        "/nowhere",
        "/static/console.js",
        "/v1/uploads",
        "/v1/nowhere",
    ):
        headers = admin.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert admin.get("/check").headers["cache-control"] == "no-store"
