"""The ingest hook: how a delivery pipeline tells Earmark what it has been sent.

    with IngestHook(settings) as hook:
        hook.submit(Upload(track_id="T-1", uri="file:///uploads/one.wav"))

A delivery that returns lies on the broker, on all in-sync replicas. Submitting the same
upload again is harmless: its id is made of its content. Uploads are checked before they
are sent; those that come as plain fields (``upload_from_fields``, manifests) may hold no
unknown ones: a misspelt ``declared`` would be a lost declaration, hence a wrong label.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from detector.errors import BadInput, Transient
from streams.contract import topics
from streams.contract.records import InvalidRecord, Upload, UploadReceived, parse, stable_id
from streams.runtime import tracing
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings

WINDOW = 500  # uploads on their way at once


class RefusedUpload(BadInput):
    """An upload that must not be sent as it is.

    Reasons: ``invalid_upload``, ``invalid_json``, ``refused_scheme``, ``no_such_file``,
    ``unreadable_file``.
    """


class DeliveryFailed(Transient):
    """The broker did not take an upload; the same upload may be submitted again."""


@dataclass(frozen=True)
class Delivery:
    """What became of one submitted upload: where it lies, or why it does not."""

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
            self.close()
            raise DeliveryFailed(f"cannot reach {topics.UPLOADED}: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._settings.request_timeout_s)

    def submit(self, upload: Upload, uploaded_at: datetime | None = None) -> Delivery:
        """Send one upload and return once the broker has it.

        Args:
            upload: the upload.
            uploaded_at: when it was delivered, for replays; now, if left out.

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
        delivery = Delivery(upload.track_id, _id_of(upload), uploaded_at)
        try:
            value = self._message(upload, uploaded_at)
            with tracing.span(
                f"{topics.UPLOADED} publish",
                "producer",
                attributes={
                    "messaging.system": "kafka",
                    "messaging.destination.name": topics.UPLOADED,
                    "earmark.upload_id": delivery.upload_id,
                },
            ):
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

    def _message(self, upload: Upload, uploaded_at: datetime) -> bytes:
        check_scheme(upload, self._settings)
        try:
            received = UploadReceived(
                upload_id=_id_of(upload), upload=upload, uploaded_at=uploaded_at
            )
            value = received.to_bytes()
            parse(UploadReceived, value)  # a model_copy may hold what no reader accepts
        except InvalidRecord as error:
            raise RefusedUpload("invalid_upload", error.detail) from error
        except (ValidationError, PydanticSerializationError) as error:
            raise RefusedUpload("invalid_upload", " ".join(str(error).split())) from error
        return value


def check_scheme(upload: Upload, settings: Settings) -> None:
    """Raise ``RefusedUpload`` where nobody would fetch what lies at the upload's URI."""
    scheme, separator, _ = upload.uri.partition("://")
    if not separator or scheme not in settings.schemes:
        allowed = ", ".join(sorted(settings.schemes))
        raise RefusedUpload(
            "refused_scheme", f"{upload.uri[:200]!r} is not a URI with one of {allowed}"
        )


def _settle(delivery: Delivery, sent: Any, deadline: float) -> Delivery:
    """Wait for the broker's word on one upload."""
    if sent is None:
        return delivery
    try:
        lies = sent.get(timeout=max(0.001, deadline - time.monotonic()))
    except KafkaError as error:
        return replace(delivery, error=_reason(error))
    return replace(delivery, partition=lies.partition, offset=lies.offset)


def _id_of(upload: Upload) -> str:
    try:
        return upload.upload_id
    except PydanticSerializationError:  # it will be refused; its result needs a name all the same
        return stable_id("upl", ascii(upload))


def _reason(error: KafkaError) -> RefusedUpload | DeliveryFailed:
    if isinstance(error, MessageSizeTooLargeError):
        return RefusedUpload("invalid_upload", f"the broker takes no record so large: {error!r}")
    return DeliveryFailed(f"{topics.UPLOADED} did not take it: {error!r}")


def upload_from_fields(fields: Mapping[str, Any]) -> Upload:
    """Return the upload that these fields describe.

    Raises:
        RefusedUpload: naming every wrong, missing and unknown field.
    """
    try:
        return Upload.model_validate(dict(fields), extra="forbid")
    except ValidationError as error:
        raise RefusedUpload("invalid_upload", _faults(error)) from error


def _faults(error: ValidationError) -> str:
    return "; ".join(
        ".".join(str(part) for part in fault["loc"])
        + ": "
        + ("no such field" if fault["type"] == "extra_forbidden" else fault["msg"])
        for fault in error.errors(include_url=False, include_input=False)[:5]
    )


def upload_from_file(path: Path | str, *, max_hash_bytes: int = 2**29, **fields: Any) -> Upload:
    """Return the upload of a local file, with its URI, its SHA-256 and a stable track id.

    The track id is made of the resolved path, so the same file is the same track; a name
    that is not UTF-8 is percent-encoded in the URI.

    Args:
        path: the file.
        max_hash_bytes: larger files are not hashed here (``settings.fetch_max_bytes``).
        fields: further fields of the upload; they go before what is made up here.

    Raises:
        RefusedUpload: no such file, or not to be read, or wrong fields.
    """
    try:
        resolved = Path(path).resolve(strict=True)
        with resolved.open("rb") as file:
            small = os.fstat(file.fileno()).st_size <= max_hash_bytes
            sha256 = hashlib.file_digest(file, "sha256").hexdigest() if small else None
    except (FileNotFoundError, ValueError) as error:
        raise RefusedUpload("no_such_file", str(error)) from error
    except OSError as error:
        raise RefusedUpload("unreadable_file", str(error)) from error
    uri = resolved.as_uri()
    made = {
        "track_id": stable_id("trk", uri),
        "uri": uri,
        "sha256": sha256,
        "title": os.fsencode(resolved.stem).decode(errors="replace"),
    }
    return upload_from_fields(made | fields)


def read_manifest(
    lines: Iterable[str | bytes],
) -> Iterator[tuple[int, Upload | RefusedUpload]]:
    """Read a JSON-lines manifest: per line its number, and an upload or why it is none.

    Empty lines are passed over.
    """
    for number, line in enumerate(lines, start=1):
        text = line.encode(errors="surrogatepass") if isinstance(line, str) else line
        text = text.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield number, _read_line(text)


def _read_line(text: bytes) -> Upload | RefusedUpload:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return RefusedUpload("invalid_json", str(error))
    if not isinstance(fields, dict):
        return RefusedUpload("invalid_json", "an upload is a JSON object")
    try:
        return upload_from_fields(fields)
    except RefusedUpload as error:
        return error
