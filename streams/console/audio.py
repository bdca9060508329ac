"""The audio of an upload, by range requests, from where it lies; said plainly where it is gone."""

import re
from collections.abc import Iterator
from typing import IO, Annotated, Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response, StreamingResponse

from detector.errors import BadInput
from streams.accounts.roles import Right
from streams.api.house import House, house_of
from streams.api.pages import Id
from streams.console.visitors import PageError, Visitor, needs
from streams.ledger_tables import UPLOADS

router = APIRouter()
BLOCK: Final = 2**18
RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
TYPES: Final = (  # by what the file begins with; never by what the uploader called it
    (b"RIFF", "audio/wav"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"FORM", "audio/aiff"),
)


@router.get("/audio/{upload_id}")
@router.head("/audio/{upload_id}")
def audio(
    request: Request, upload_id: Id, visitor: Annotated[Visitor, needs(Right.READ)]
) -> Response:
    """Return the audio, or the part of it that the player asks for."""
    house = house_of(request)
    with house.ledger.reading() as connection:
        uri = connection.scalar(select(UPLOADS.c.uri).where(UPLOADS.c.upload_id == upload_id))
    if uri is None:
        raise PageError(404, "There is no such upload.")
    asked = request.headers.get("range")
    if asked is None or asked.startswith("bytes=0-"):
        house.seen(visitor.user.user_id, "audio_opened", upload_id)
    source = _open(house, uri)
    try:
        return _answer(source, asked)
    except BaseException:
        source.close()
        raise


def _open(house: House, uri: str) -> IO[bytes]:
    try:
        return house.fetcher.open_seekable(uri)
    except BadInput as error:
        raise PageError(410, f"The audio cannot be played: {error.detail}") from error


def _answer(source: IO[bytes], asked: str | None) -> Response:
    size = source.seek(0, 2)
    source.seek(0)
    kind = _kind(source.read(12))
    start, end, status = 0, size - 1, 200
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    found = RANGE.fullmatch(asked.strip()) if asked else None
    if found and (found[1] or found[2]):
        if found[1]:
            start, end = int(found[1]), min(int(found[2] or size - 1), size - 1)
        else:
            start = max(0, size - int(found[2]))
        if start >= size or start > end:
            source.close()
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    source.seek(start)
    return StreamingResponse(_blocks(source, end - start + 1), status, headers, kind)


def _blocks(source: IO[bytes], left: int) -> Iterator[bytes]:
    with source:
        while left > 0 and (block := source.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def _kind(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "audio/mp4"
    return next((kind for start, kind in TYPES if head.startswith(start)), "audio/mpeg")
