"""The ingest hook: how a delivery pipeline sends uploads to Earmark (``tracks.uploaded``).

    with IngestHook(settings) as hook:
        hook.submit(Upload(track_id="T-1", uri="file:///uploads/one.wav"))

An upload that is delivered is on the broker, on all in-sync replicas. Submitting the same upload
again is harmless: its id is derived from its content.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from detector.errors import Transient
from streams.contract import topics
from streams.contract.records import Upload
from streams.runtime import tracing
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from streams.services.upload_inputs import RefusedUpload, event_bytes, id_of

WINDOW = 500  # uploads on their way at once


class DeliveryFailed(Transient):
    """The broker did not take an upload; the same upload may be submitted again."""


@dataclass(frozen=True)
class Delivery:
    """Result of one submission: its Kafka position, or the error."""

    track_id: str
    upload_id: str
    uploaded_at: datetime
    partition: int | None = None
    offset: int | None = None
    error: RefusedUpload | DeliveryFailed | None = None


class IngestHook:
    """Sends uploads to ``tracks.uploaded``; a context manager. Safe to share by threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            DeliveryFailed: no broker answers, or it has no topic for uploads.
        """
        tracing.configure(self._settings, "ingest")
        try:
            self._producer = open_producer(self._settings, "ingest")
            self._producer.partitions_for(topics.UPLOADED)
        except (Transient, KafkaError) as error:
            self.__exit__()
            raise DeliveryFailed(f"cannot reach {topics.UPLOADED}: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._settings.request_timeout_s)

    def submit(self, upload: Upload, uploaded_at: datetime | None = None) -> Delivery:
        """Send one upload, delivered at a time (default: now); return once the broker has it.

        Raises:
            RefusedUpload: it is wrong, and stays wrong.
            DeliveryFailed: the broker did not take it.
        """
        delivery = self.submit_many([upload], uploaded_at)[0]
        if delivery.error is not None:
            raise delivery.error
        return delivery

    def submit_many(
        self, uploads: Iterable[Upload], uploaded_at: datetime | None = None
    ) -> list[Delivery]:
        """Send uploads together; return one result for each, in their order.

        An error of one upload is that one's result and does not touch the others.
        """
        deliveries: list[Delivery] = []
        remaining = iter(uploads)
        while window := list(islice(remaining, WINDOW)):
            pending = [self._send(upload, uploaded_at or datetime.now(UTC)) for upload in window]
            # The producer gives up by itself; the margin only guards against its silence.
            deadline = time.monotonic() + 2 * self._settings.request_timeout_s
            deliveries.extend(_settle(delivery, sent, deadline) for delivery, sent in pending)
        return deliveries

    def _send(self, upload: Upload, uploaded_at: datetime) -> tuple[Delivery, Any]:
        """Start one send; the second value is its future, None where there is none."""
        if self._producer is None:
            raise DeliveryFailed("the hook is not open: use it in a with statement")
        delivery = Delivery(upload.track_id, id_of(upload), uploaded_at)
        try:
            value = event_bytes(upload, uploaded_at, self._settings)
            attributes = {
                "messaging.system": "kafka",
                "messaging.destination.name": topics.UPLOADED,
                "earmark.upload_id": delivery.upload_id,
            }
            with tracing.span(f"{topics.UPLOADED} publish", "producer", attributes=attributes):
                sent = self._producer.send(
                    topics.UPLOADED,
                    value=value,
                    key=upload.track_id.encode(),
                    headers=list(tracing.carried(())),
                )
        except RefusedUpload as error:
            return replace(delivery, error=error), None
        except KafkaError as error:
            return replace(delivery, error=_reason(error)), None
        return delivery, sent


def _settle(delivery: Delivery, sent: Any, deadline: float) -> Delivery:
    """Wait for the broker's acknowledgement of one upload."""
    if sent is None:
        return delivery
    try:
        stored = sent.get(timeout=max(0.001, deadline - time.monotonic()))
    except KafkaError as error:
        return replace(delivery, error=_reason(error))
    return replace(delivery, partition=stored.partition, offset=stored.offset)


def _reason(error: KafkaError) -> RefusedUpload | DeliveryFailed:
    if isinstance(error, MessageSizeTooLargeError):
        return RefusedUpload("invalid_upload", f"the broker takes no record so large: {error!r}")
    return DeliveryFailed(f"{topics.UPLOADED} did not take it: {error!r}")
