"""Receiving an upload, from the API or the console, in one transaction.

The event goes to the outbox and its row to the ledger. An idempotency key gives the same answer
again. The id is made of the content, so even without a key the same delivery is the same upload.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

import orjson

from detector.errors import Transient
from streams.contract import topics
from streams.contract.records import Upload, UploadReceived, stable_id
from streams.media.kept_audio import KeptFile
from streams.services.upload_inputs import upload_from_fields
from streams.store import accounts, audit, outbox, queries
from streams.store.database import Ledger
from streams.web.api.multipart import Form
from streams.web.api.problems import ProblemError
from streams.web.api.resources import AppResources

SERVER_FIELDS: Final = ("uri", "sha256")  # of an upload whose file we hold


@dataclass(frozen=True)
class TakenIn:
    """A received upload; ``again``: the same request was answered before."""

    upload_id: str
    track_id: str
    again: bool = False


def metadata_of(form: Form) -> dict[str, Any]:
    """Return the metadata of a form; raise ``ProblemError`` where they are no JSON object."""
    return parsed(form.metadata) if form.metadata.strip() else {}


def _upload(form: Form, stored: KeptFile) -> Upload:
    """Return the upload of a file in a form.

    Without a ``track_id`` the content names the track; without a title, the file's name does.
    """
    fields = metadata_of(form)
    if reserved := [name for name in SERVER_FIELDS if name in fields]:
        raise ProblemError(422, "invalid_upload", f"{reserved[0]} is set by the server for a file")
    stem = PurePosixPath(form.file_name.replace("\\", "/")).stem
    defaults = {"track_id": stable_id("trk", stored.sha256), "title": stem[:2_000] or None}
    location = {"uri": stored.uri, "sha256": stored.sha256}
    return upload_from_fields(defaults | fields | location)


def take_file_in(
    resources: AppResources, form: Form, caller: str, key: str | None = None
) -> TakenIn:
    """Receive a file of a form; a refused file is removed.

    Raises:
        ProblemError, RefusedUpload: the metadata or the key are wrong.
        LedgerAway, Transient: nothing was taken; send it again.
    """
    arrived = form.file.whole()
    upload = _upload(form, arrived)
    new = form.file.keep()  # before the event that names it
    try:
        return take_in(resources.ledger, upload, caller, key)
    except BaseException:
        if new:
            with suppress(Transient):  # the caller must see why it was refused
                # Another request may have uploaded the same content: then it stays.
                if not queries.is_uploaded(resources.ledger, arrived.uri):
                    resources.uploads.forget(arrived.sha256)
        raise


def parsed(body: bytes) -> dict[str, Any]:
    """Return a JSON object; raise ``ProblemError`` where the body is none."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, "invalid_json", f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ProblemError(422, "invalid_upload", "an upload is a JSON object")
    return fields


def take_in(ledger: Ledger, upload: Upload, caller: str, key: str | None = None) -> TakenIn:
    """Receive an upload.

    Raises:
        ProblemError: the idempotency key was used for another request.
        LedgerAway: nothing was taken; send it again.
    """
    now = datetime.now(UTC)
    event = UploadReceived(upload_id=upload.upload_id, upload=upload, uploaded_at=now)
    digest = hashlib.sha256(upload.to_bytes()).hexdigest()
    with ledger.transaction() as connection:
        audit.lock(connection)  # the same key twice at once: the second must see the first
        if key is not None:
            if (earlier := accounts.earlier_request(connection, caller, key)) is not None:
                if earlier.request_sha256 != digest:
                    detail = "this idempotency key was used for another upload"
                    raise ProblemError(422, "key_reused", detail)
                return TakenIn(event.upload_id, event.track_id, again=True)
            accounts.add_request(connection, caller, key, digest, event.upload_id, now)
        if not outbox.publish(connection, topics.UPLOADED, event):
            # Known, but sent again: publish it again, as the ingest hook does. The broker may have
            # lost it, or its file may have been repaired.
            outbox.put(connection, topics.UPLOADED, event)
        noted = audit.Entry(caller, "uploaded", event.upload_id, {"track": event.track_id})
        audit.append(connection, [noted])
    return TakenIn(event.upload_id, event.track_id)
