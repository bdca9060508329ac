"""An event whose handling is traced, and spans in memory."""

import asyncio
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from detector.errors import BadInput
from streams.contract.output import Output
from streams.runtime import tracing
from streams.runtime.kafka.handler import each
from streams.runtime.kafka.handling import EventHandling
from streams.runtime.settings import Settings
from tests.unit.streams.runtime.kafka.test_handler import Decoded, Reply
from tests.unit.streams.runtime.kafka.test_handling import Memory, event

TRACE = "0af7651916cd43dd8448eb211c80319c"


PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
BEFORE = (("traceparent", PARENT.encode()), ("other", b"kept"))


def named(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


async def good(record: Decoded) -> list[Output]:
    with tracing.stage("unit", "think"):
        await asyncio.sleep(0)
    return [Output("result", Reply(track_id=record.track_id))]


async def bad(record: Decoded) -> list[Output]:
    raise BadInput("not_audio", "it is not")


def end(handler: Any, headers: Any = BEFORE) -> Memory:
    publisher = Memory()
    handling = EventHandling("unit", each("unit", Decoded, handler), publisher, Settings())
    asyncio.run(handling(event(headers=headers), lambda: True))
    return publisher
