"""Traces: the way of one upload through the house, and where its time went.

Off, unless ``EARMARK_TRACES_ENDPOINT`` names an OpenTelemetry collector; then every process sends
its spans there. The context travels with the messages, as W3C ``traceparent``, so one trace leads
from the ingest hook (or the HTTP request) to the catalogue's acknowledgement, and further to
what people say about the track. Logs carry ``trace_id`` and ``span_id``.

While it is off nothing of OpenTelemetry is imported, and a ``traceparent`` that somebody
else's producer set travels on as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from detector.errors import Fatal
from streams.runtime import metrics
from streams.runtime.settings import Settings

if TYPE_CHECKING:
    from streams.runtime.spans import Tracer

TRACEPARENT: Final = "traceparent"
CARRIED: Final = (TRACEPARENT, "tracestate")

Headers = tuple[tuple[str, bytes], ...]
Attributes = Mapping[str, str | int]
NOTHING: Final[Attributes] = MappingProxyType({})
Kind = Literal["internal", "producer", "consumer", "server"]

_tracer: "Tracer | None" = None


class Traced(NamedTuple):
    """One of many that are worked on together: what it is called, its headers, what it is."""

    key: str
    headers: Headers
    attributes: Attributes


def configure(settings: Settings, process: str) -> None:
    """Begin to trace, if that is wanted; once per process, later calls change nothing.

    Raises:
        Fatal: it is wanted, and the packages for it are not installed.
    """
    if settings.traces_endpoint is None or _tracer is not None:
        return
    try:
        from streams.runtime.spans import exporting

        tracer = exporting(settings.traces_endpoint, settings.traces_share, process)
    except ImportError as error:
        raise Fatal(
            f"EARMARK_TRACES_ENDPOINT is set, and {error.name} is missing: install earmark[tracing]"
        ) from error
    install(tracer)


def install(tracer: "Tracer | None") -> None:
    """Trace with this from now on; None: not at all."""
    global _tracer
    _tracer = tracer


def span(
    name: str,
    kind: Kind = "internal",
    *,
    headers: Headers | None = None,
    links: Iterable[Any] = (),
    attributes: Attributes = NOTHING,
) -> AbstractContextManager[None]:
    """Trace what happens within; an exception that leaves it marks the span as failed.

    Args:
        name: low in number: ``fingerprint hear``, never an id.
        kind: what it is to others.
        headers: of the message or request that it works on: its parent. None: the span around.
        links: what ``here`` gave, of others that this span also works for.
        attributes: what is particular, in OpenTelemetry's words where it has some.
    """
    if _tracer is None:
        return nullcontext()
    return _tracer.span(name, kind, headers, links, attributes)


@contextmanager
def stage(processor: str, name: str) -> Iterator[None]:
    """Measure one stage of one event: its time as a metric, and as a span of its trace."""
    with metrics.STAGE_SECONDS.labels(processor, name).time(), span(f"{processor} {name}"):
        yield


@contextmanager
def many(name: str, kind: Kind, items: Iterable[Traced]) -> "Iterator[Many]":
    """Trace what is worked on together as a span each, in the trace of each."""
    if _tracer is None:
        yield Many({})
        return
    tracer = _tracer
    spans = {one.key: tracer.begin(name, kind, one.headers, one.attributes) for one in items}
    try:
        yield Many(spans)
    except BaseException as error:
        tracer.end(spans.values(), error)
        raise
    tracer.end(spans.values())


class Many:
    """The spans of a batch."""

    def __init__(self, spans: dict[str, Any]) -> None:
        self._spans = spans

    def within(self, key: str) -> AbstractContextManager[None]:
        """What happens within belongs to the span of this one."""
        if _tracer is None or key not in self._spans:
            return nullcontext()
        return _tracer.within(self._spans[key])


def carried(headers: Headers) -> Headers:
    """Return the headers of what follows from a message: with the context of the span around."""
    if _tracer is None:
        return headers
    ours = _tracer.carried()
    if not ours:
        return headers
    return (*(one for one in headers if one[0] not in CARRIED), *ours)


def here() -> Any:
    """Return the span around for ``links`` of another; None without one."""
    return None if _tracer is None else _tracer.here()


def note(attributes: Attributes, name: str | None = None) -> None:
    """Say more about the span around, or give it a better name."""
    if _tracer is not None:
        _tracer.note(attributes, name)


def failed(reason: str) -> None:
    """Mark the span around as failed, where no exception leaves it."""
    if _tracer is not None:
        _tracer.failed(reason)


def for_logs(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the span around to a log line (a processor of structlog)."""
    if _tracer is not None:
        event.update(_tracer.ids())
    return event
