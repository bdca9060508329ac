"""Uploads out of plain fields, local files and manifests, checked before they are sent.

Plain fields may contain no unknown ones: a misspelt ``declared`` would be a lost declaration, hence
a wrong label.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from detector.errors import BadInput
from streams.contract.records import (
    InvalidRecord,
    Upload,
    UploadReceived,
    check_delivered,
    faults,
    parse,
    stable_id,
)
from streams.runtime.settings import Settings


class RefusedUpload(BadInput):
    """An upload that must not be sent as it is.

    Reasons: ``invalid_upload``, ``invalid_json``, ``refused_scheme``, ``no_such_file``,
    ``unreadable_file``.
    """


def readable(name: str | Path) -> str:
    """Return a file's name as text that JSON, databases and terminals take.

    Bytes that are not UTF-8 become ``\\xff``.
    """
    return os.fsencode(name).decode(errors="backslashreplace")


def check_scheme(upload: Upload, settings: Settings) -> None:
    """Raise ``RefusedUpload`` where the upload's URI has a scheme that is not fetched."""
    scheme, separator, _ = upload.uri.partition("://")
    if not separator or scheme not in settings.schemes:
        allowed = ", ".join(sorted(settings.schemes))
        raise RefusedUpload(
            "refused_scheme", f"{upload.uri[:200]!r} is not a URI with one of {allowed}"
        )


def event_bytes(upload: Upload, uploaded_at: datetime, settings: Settings) -> bytes:
    """Return the event of an upload; raise RefusedUpload where its readers would refuse it."""
    check_scheme(upload, settings)
    try:
        check_delivered(uploaded_at)
        received = UploadReceived(upload_id=id_of(upload), upload=upload, uploaded_at=uploaded_at)
        value = received.to_bytes()
        parse(UploadReceived, value)  # a model_copy may hold what no reader accepts
    except InvalidRecord as error:
        raise RefusedUpload("invalid_upload", error.detail) from error
    except (ValidationError, PydanticSerializationError) as error:
        raise RefusedUpload("invalid_upload", " ".join(str(error).split())) from error
    return value


def id_of(upload: Upload) -> str:
    """Return the id of an upload, also of one that will be refused."""
    try:
        return upload.upload_id
    except PydanticSerializationError:
        return stable_id("upl", ascii(upload))


def upload_from_fields(fields: Mapping[str, Any]) -> Upload:
    """Return the upload of these fields; raise RefusedUpload with every fault."""
    try:
        return Upload.model_validate(dict(fields), extra="forbid")
    except ValidationError as error:
        raise RefusedUpload("invalid_upload", "; ".join(faults(error))) from error


def upload_from_file(path: Path | str, *, max_hash_bytes: int = 2**29, **fields: Any) -> Upload:
    """Return the upload of a local file, with its URI, its SHA-256 and a stable track id.

    The track id is derived from the resolved path, so the same file is the same track. A name
    that is not UTF-8 is percent-encoded in the URI.

    Args:
        path: the file.
        max_hash_bytes: larger files are not hashed here (``settings.fetch_max_bytes``).
        fields: further fields of the upload; they override what is derived here.

    Raises:
        RefusedUpload: the file is missing or unreadable, or wrong fields.
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
    derived = {
        "track_id": stable_id("trk", uri),
        "uri": uri,
        "sha256": sha256,
        "title": os.fsencode(resolved.stem).decode(errors="replace"),
    }
    return upload_from_fields(derived | fields)


def read_manifest(lines: Iterable[str | bytes]) -> Iterator[tuple[int, Upload | RefusedUpload]]:
    """Yield the number of each line of a JSON-lines manifest, and its upload or its error.

    Empty lines are skipped.
    """
    for number, line in enumerate(lines, start=1):
        text = line.encode(errors="surrogatepass") if isinstance(line, str) else line
        text = text.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield number, _read_line(text)


def _read_line(text: bytes) -> Upload | RefusedUpload:
    try:
        fields = orjson.loads(text)
        if not isinstance(fields, dict):
            return RefusedUpload("invalid_json", "an upload is a JSON object")
        return upload_from_fields(fields)
    except orjson.JSONDecodeError as error:
        return RefusedUpload("invalid_json", str(error))
    except RefusedUpload as error:
        return error
