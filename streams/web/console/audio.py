"""The audio of an upload, by range requests: from the store, or from its original address.

A distributor can replace the file there, and a reviewer must not judge another one: its SHA-256
is compared. A file that was never decoded is not served.
"""

import io
import math
import os
import re
from collections.abc import Iterator
from functools import partial
from hashlib import file_digest
from pathlib import PurePosixPath
from typing import IO, Any, Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from detector.errors import BadInput
from streams.media.audio_formats import container_of
from streams.services.appeal_files import AppealFile
from streams.store import queries
from streams.web.api.pages import Id
from streams.web.api.resources import AppResources
from streams.web.console.auth import CanRead, PageError

router = APIRouter()
BLOCK: Final = 2**18
BELIEVED_S: Final = 600.0
DIGITS: Final = 18  # of a number of bytes; Python refuses to read thousands
RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


@router.get("/audio/{upload_id}")
@router.head("/audio/{upload_id}")
def audio(upload_id: Id, visitor: CanRead) -> Response:
    """Return the audio, or the part of it that the player asks for."""
    resources = visitor.resources
    _found(resources, upload_id)
    opened = "audio_opened", upload_id  # audited once in a session
    resources.cache.get((visitor.session.csrf, *opened), partial(visitor.views, *opened))
    return played(resources, upload_id, visitor.request.headers.get("range"))


def _found(resources: AppResources, upload_id: str) -> tuple[str, str]:
    """Return where the audio of an upload is, and its SHA-256; or raise ``PageError``."""
    uri, content = queries.audio_of(resources.ledger, upload_id)
    if uri is None:
        raise PageError(404, "There is no such upload.")
    if content is None:
        raise PageError(410, "This upload was not decoded (yet), so there is nothing to play.")
    return uri, content


def played(resources: AppResources, upload_id: str, requested: str | None) -> Response:
    """Return the audio of an upload; ``requested``: the header ``Range``.

    Raises:
        PageError: there is nothing to play, or not what was analysed.
    """
    uri, content = _found(resources, upload_id)
    source = resources.uploads.reading(content)
    if source is not None:
        uri = resources.uploads.uri(content)
    else:
        try:
            source = resources.fetcher.open_seekable(uri)
        except BadInput as error:
            raise PageError(410, f"The audio cannot be played: {error.detail}") from error
    try:
        if _digest(resources, source, uri) != content:
            raise PageError(410, "It is not the file that was analysed; it is not played.")
        return _answer(source, requested)
    except BaseException:
        source.close()
        raise


def _digest(resources: AppResources, source: Any, uri: str) -> str:
    """Return the SHA-256 of a file, computed once for each URI, size and time of change.

    Where a store has no time of change, a digest is valid for ``BELIEVED_S``.
    """
    try:
        changed: int | None = os.fstat(source.fileno()).st_mtime_ns
    except (AttributeError, OSError, io.UnsupportedOperation):
        changed = None
    state = ("sha256", uri, source.seek(0, os.SEEK_END), changed)
    source.seek(0)
    lasts_s = BELIEVED_S if changed is None else math.inf
    return resources.cache.get(state, lambda: file_digest(source, "sha256").hexdigest(), lasts_s)


def _answer(source: IO[bytes], requested: str | None) -> Response:
    size = source.seek(0, 2)
    container = container_of(source)
    kind = container.media_type if container else "audio/mpeg"
    start, end, status = 0, size - 1, 200
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    bounds = RANGE.fullmatch(requested.strip()) if requested else None
    if bounds and (bounds[1] or bounds[2]):
        if bounds[1]:
            start = _number(bounds[1])
            end = min(_number(bounds[2]) if bounds[2] else size - 1, size - 1)
        else:
            start = max(0, size - _number(bounds[2]))
        if start >= size or start > end:
            source.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    source.seek(start)
    return PlayedPart(source, end - start + 1, status, headers, kind)


def _number(digits: str) -> int:
    """Return a number that is beyond every file where it has very many digits."""
    return int(digits) if len(digits) < DIGITS else 10**DIGITS


class PlayedPart(StreamingResponse):
    """So many bytes of a file, which is closed at the end, also where the client has gone."""

    def __init__(
        self, source: IO[bytes], length: int, status: int, headers: dict[str, str], kind: str
    ) -> None:
        super().__init__(_blocks(source, length), status, headers, kind)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._source:
            await super().__call__(scope, receive, send)


def as_download(file: AppealFile, source: IO[bytes]) -> Response:
    """Return a file that was handed in, as a download that no browser opens by itself."""
    ending = PurePosixPath(file.name).suffix.lower()
    headers = {
        "Content-Disposition": f'attachment; filename="{file.file_id}{ending}"',
        "Content-Length": str(file.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return PlayedPart(source, file.size, 200, headers, "application/octet-stream")


def _blocks(source: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (block := source.read(min(BLOCK, left))):
        left -= len(block)
        yield block
