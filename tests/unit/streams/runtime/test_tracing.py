"""Traces: one through the whole pipeline, with a span of each stage, and none while off."""

import asyncio
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from detector.assessment.answer import abstain
from detector.observation.observation import Observation, Observer
from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import DecisionApplied
from streams.runtime import tracing
from streams.runtime.health import Health
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.handler import Handled
from streams.runtime.kafka.handling import Handling
from streams.runtime.settings import Settings
from streams.services.scoring import Batcher
from tests.support.tracing import BEFORE, PARENT, TRACE, bad, end, good, named, trace_of


def test_an_event_goes_on_in_its_trace_stage_by_stage(spans: InMemorySpanExporter) -> None:
    (out,) = end(good).messages
    by_name = named(spans)
    assert by_name.keys() == {"unit source", "unit handle", "unit think", "unit publish"}
    assert {trace_of(span) for span in by_name.values()} == {TRACE}
    event_span = by_name["unit source"]
    assert event_span.parent is not None
    assert event_span.attributes is not None
    assert f"{event_span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert event_span.attributes["messaging.destination.name"] == "source"
    assert event_span.attributes["earmark.upload_id"] == "upl_1"
    assert by_name["unit think"].parent == by_name["unit handle"].context
    headers = dict(out.headers)
    assert headers["traceparent"].decode().split("-")[1:3] == [
        TRACE,
        f"{event_span.context.span_id:016x}",
    ]
    assert headers["other"] == b"kept"
    assert len(out.headers) == 2, "one traceparent, not two"


def test_a_dead_letter_marks_its_span_and_keeps_its_headers(spans: InMemorySpanExporter) -> None:
    (letter,) = end(bad).messages
    assert named(spans)["unit source"].status.description == "not_audio"
    assert dict(letter.headers)["traceparent"] == PARENT.encode(), "a replay stays in the trace"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"00-0-0-01", b"\xff" * 80, b"0" * 9_999])
def test_what_is_no_context_begins_a_trace(content: bytes, spans: InMemorySpanExporter) -> None:
    end(good, (("traceparent", content),))
    assert named(spans)["unit source"].parent is None


def test_who_began_a_trace_says_whether_it_is_recorded(spans: InMemorySpanExporter) -> None:
    (out,) = end(good, (("traceparent", PARENT.encode()[:-1] + b"0"),)).messages
    assert named(spans) == {}
    assert dict(out.headers)["traceparent"].endswith(b"-00"), "and the next one hears of it"


def test_off_it_changes_nothing() -> None:
    (out,) = end(good).messages
    assert out.headers == BEFORE
    assert tracing.here() is None


def test_off_it_is_not_even_imported() -> None:
    code = (
        "import sys, streams.stages.ingest, streams.runtime.kafka.processor;"
        "import streams.runtime.kafka.batch_consumer;"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', "
        "'streams.runtime.spans')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_of_a_batch_each_answer_goes_on_in_its_own_trace(spans: InMemorySpanExporter) -> None:
    sent: list[dict[str, Any]] = []

    class Broker:
        def send(self, topic: str, **content: Any) -> "Broker":
            sent.append(content | {"topic": topic})
            return self

        def get(self, timeout: float) -> None: ...

        def commit(self, offsets: Any, timeout_ms: int) -> None: ...

    def message(number: int, headers: Any = ()) -> Message:
        return Message(topics.DECIDED, 0, number, b"T", b"{}", headers)

    batch = [message(1, BEFORE), message(2)]
    applied = DecisionApplied(
        decision_id="dec_1", upload_id="upl_1", track_id="T", result="applied"
    )
    output = Output(topics.DECISIONS_APPLIED, applied)

    async def answer(batch: Any) -> Handled:
        return Handled((), [(message, output) for message in batch])

    settings = Settings()
    consumer = BatchConsumer("catalogue", [topics.DECIDED], settings, Health("x"), None)  # type: ignore[arg-type]
    consumer._consumer = consumer._producer = Broker()
    with asyncio.Runner() as runner:
        handling = Handling("catalogue", answer, consumer, settings)
        consumer._end(batch, handling, runner, handling.end)
    traces = [dict(one["headers"])["traceparent"].decode().split("-")[1] for one in sent]
    assert traces[0] == TRACE != traces[1]
    assert [one.name for one in spans.get_finished_spans()] == ["catalogue batch"] * 2


def test_a_batch_of_the_detector_names_the_events_that_it_scores(
    spans: InMemorySpanExporter,
) -> None:
    observer = Observer(44_100)
    observer.feed(np.zeros(44_100, np.float32))
    decoded = Observation.from_bytes(observer.finish().to_bytes())

    class Model:
        def assess(self, batch: list[Any], alpha: float) -> list[Any]:
            return [abstain("silent") for _ in batch]

    async def story() -> None:
        batcher = Batcher(Model(), 0.01, 8, 0.05)  # type: ignore[arg-type] # what is used of one
        scoring = asyncio.create_task(batcher.run())

        async def assess_event(number: int) -> None:
            with tracing.span(f"event {number}"):
                await batcher.assess(decoded)

        await asyncio.gather(assess_event(1), assess_event(2))
        scoring.cancel()

    asyncio.run(story())
    batch = named(spans)["classify batch"]
    scored = [one for one in spans.get_finished_spans() if one.name == "classify score"]
    assert batch.parent is None
    assert {link.context.span_id for link in batch.links} == {one.context.span_id for one in scored}
    assert len({trace_of(one) for one in scored}) == 2
    assert batch.attributes == {"earmark.batch": 2}
