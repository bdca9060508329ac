"""Receiving an upload, from the API or the console, in one transaction.

The event goes to the outbox and its row to the ledger. An idempotency key gives the same answer
again. The id is made of the content, so even without a key the same delivery is the same upload.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

import orjson
from anyio import CancelScope, to_thread

from detector.errors import Transient
from streams.contract import topics
from streams.contract.records import Upload, UploadReceived, stable_id
from streams.contract.records.uploads import BY_US
from streams.media.kept_audio import KeptFile
from streams.runtime.settings import Settings
from streams.services.accounts.keys import Key
from streams.services.accounts.tokens import new_id
from streams.services.accounts.users import User
from streams.services.upload_inputs import upload_from_fields
from streams.store import accounts, audit, outbox, queries, track_owners
from streams.store.database import Connection
from streams.web.api.callers import too_many
from streams.web.api.multipart import Form
from streams.web.api.problems import ProblemError
from streams.web.api.resources import AppResources

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
NOW: Final = timedelta()
FRESH_S: Final = 60.0  # how old the sum of a key's audio may be
PUBLIC: Final = ("http://", "https://")
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


def _upload(form: Form, stored: KeptFile, caller: Key | User) -> Upload:
    """Return the upload of a file in a form.

    Without a ``track_id`` the content names the track, for each distributor another one; without
    a title, the file's name does.
    """
    fields = metadata_of(form)
    if reserved := [name for name in SERVER_FIELDS if name in fields]:
        raise ProblemError(422, "invalid_upload", f"{reserved[0]} is set by the server for a file")
    stem = PurePosixPath(form.file_name.replace("\\", "/")).stem
    owners = caller.distributors if isinstance(caller, Key) else ()
    defaults = {"track_id": stable_id("trk", stored.sha256, *owners), "title": stem[:2_000] or None}
    location = {"uri": stored.uri, "sha256": stored.sha256}
    return upload_from_fields(defaults | fields | location)


def take_file_in(
    resources: AppResources,
    form: Form,
    caller: Key | User,
    key: str | None = None,
    *,
    reservation: str | None = None,
) -> TakenIn:
    """Receive a file of a form as ``take_in`` does; a refused file is removed.

    Raises:
        ProblemError, RefusedUpload: the metadata or the key are wrong.
        LedgerAway, Transient: nothing was taken; send it again.
    """
    arrived = form.file.whole()
    upload = _upload(form, arrived, caller)
    new = form.file.keep()  # before the event that names it
    try:
        arrival = {"kept": arrived.sha256, "reservation": reservation}
        return take_in(resources, upload, caller, key, **arrival)
    except BaseException:
        if new:
            with suppress(Transient):  # the caller must see why it was refused
                _forget(resources, arrived)
        raise


def _forget(resources: AppResources, file: KeptFile) -> None:
    """Remove a refused file, unless another request has uploaded the same content."""
    with resources.ledger.transaction() as connection:
        audit.lock(connection)  # no upload that names it is stored before the end
        if not queries.is_uploaded(connection, file.uri):
            resources.uploads.forget(file.sha256)


def parsed(body: bytes) -> dict[str, Any]:
    """Return a JSON object; raise ``ProblemError`` where the body is none."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, "invalid_json", f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ProblemError(422, "invalid_upload", "an upload is a JSON object")
    return fields


def take_in(
    resources: AppResources,
    upload: Upload,
    caller: Key | User,
    key: str | None = None,
    *,
    kept: str | None = None,
    reservation: str | None = None,
) -> TakenIn:
    """Receive an upload.

    Args:
        resources: where it is stored.
        upload: as described by the caller.
        caller: a key, whose only distributor is filled in; or a user of the console.
        key: of idempotency.
        kept: SHA-256 of its file, where the store keeps it.
        reservation: of the key's quota (``reserved``), which becomes this upload.

    Raises:
        ProblemError: the idempotency key was used for another request, or upload or track are
            of another distributor.
        Transient: nothing was taken; send it again.
    """
    now, by = datetime.now(UTC), caller.user_id if isinstance(caller, User) else caller.key_id
    if isinstance(caller, Key):
        upload = _of_key(upload, caller)
        if caller.distributors and kept is None and not upload.uri.startswith(PUBLIC):
            detail = "this key uploads files and web addresses: others are read in our name"
            raise ProblemError(403, "not_your_address", detail)
    event = UploadReceived(upload_id=upload.upload_id, upload=upload, uploaded_at=now)
    stated = upload.model_dump_json(exclude_none=True, exclude=BY_US)
    digest = hashlib.sha256(stated.encode()).hexdigest()
    with resources.ledger.transaction() as connection:
        audit.lock(connection)  # the same key twice at once: the second must see the first
        if key is not None:
            if (earlier := accounts.earlier_request(connection, by, key)) is not None:
                if earlier.request_sha256 != digest:
                    detail = "this idempotency key was used for another upload"
                    raise ProblemError(422, "key_reused", detail)
                return TakenIn(event.upload_id, event.track_id, again=True)
            accounts.add_request(connection, by, key, digest, event.upload_id, now)
        if isinstance(caller, Key):
            _check_track(connection, upload, caller, resources.settings)
            accounts.use_key(connection, by, event.upload_id, now, reservation)
        if kept is not None and not resources.uploads.has(kept):
            raise Transient("another request has just removed the same file")
        if not outbox.publish(connection, topics.UPLOADED, event):
            # Known, but sent again: publish it again, as the ingest hook does. The broker may have
            # lost it, or its file may have been repaired.
            outbox.put(connection, topics.UPLOADED, event)
        about = {"track": event.track_id}
        audit.append(connection, audit.Entry(by, "uploaded", event.upload_id, about))
    return TakenIn(event.upload_id, event.track_id)


def _of_key(upload: Upload, key: Key) -> Upload:
    """Return an upload with the distributor of its key, marked as that one's statement.

    Raises:
        ProblemError: it names another party as its sender, or states what only the platform knows.
    """
    own = key.distributors
    if not own:
        return upload
    if upload.distributor is None and len(own) > 1:
        raise ProblemError(422, "distributor_missing", "name the distributor: this key has several")
    for sender in (upload.distributor, upload.ddex and upload.ddex.sender_dpid):
        if sender is not None and sender not in own:
            detail = f"this key uploads nothing of distributor {sender!r}"
            raise ProblemError(403, "not_your_distributor", detail)
    if upload.uploader is not None:
        detail = "uploader is what the platform knows of an account: this key states nothing of it"
        raise ProblemError(403, "not_your_statement", detail)
    changes = {
        "distributor": upload.distributor or own[0],
        "stated_by": "distributor",
        "holder": stable_id("holder", *own) if len(own) > 1 else None,
    }
    return upload.model_copy(update=changes)


def _check_track(connection: Connection, upload: Upload, key: Key, settings: Settings) -> None:
    if settings.foreign_track_id == "review" or not key.distributors:
        return  # the policy asks a person
    if track_owners.is_foreign(connection, upload.track_id, key.distributors):
        detail = f"track id {upload.track_id!r} is of another distributor: choose another one"
        raise ProblemError(409, "foreign_track_id", detail)


@asynccontextmanager
async def reserved(resources: AppResources, key: Key) -> AsyncIterator[str]:
    """Reserve one upload of a key's quota while its body arrives; yield the reservation.

    ``take_in`` makes it an upload; what is left at the end is given back.

    Raises:
        ProblemError: the key has handed in too many uploads or too much audio, or too many of
            its uploads arrive at once.
    """
    with resources.arrivals.one_of(key.key_id):
        reservation = await to_thread.run_sync(_reserve, resources, key)
        try:
            yield reservation
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(_give_back, resources, key, reservation)


def _reserve(resources: AppResources, key: Key) -> str:
    settings, now = resources.settings, datetime.now(UTC)
    with resources.ledger.reading() as connection:
        longest = settings.decode_max_duration_s
        added = partial(accounts.audio_seconds, connection, key.key_id, now - DAY, longest)
        seconds = resources.cache.get(("audio_seconds", key.key_id), added, FRESH_S)
    if seconds >= settings.api_audio_hours_per_day * HOUR.total_seconds():
        raise too_many(HOUR.total_seconds(), "hours of audio")
    most = key.uploads_per_hour or settings.api_uploads_per_hour
    reservation = new_id("reserved")
    with resources.ledger.transaction() as connection:
        audit.lock(connection)  # of many at once, each must see those before
        first = accounts.upload_before(connection, key.key_id, most)
        if first is not None and (wait := first + HOUR - now) > NOW:
            raise too_many(wait.total_seconds(), "uploads")
        accounts.use_key(connection, key.key_id, reservation, now)
    return reservation


def _give_back(resources: AppResources, key: Key, reservation: str) -> None:
    with suppress(Transient), resources.ledger.transaction() as connection:
        accounts.give_back(connection, key.key_id, reservation)
