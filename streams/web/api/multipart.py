"""multipart/form-data as a stream: the file goes to the store as it arrives, never into memory.

A form has one part ``file`` and at most one part ``metadata`` (JSON), in any order. What is
more, too large or cut off ends the request, and nothing of it remains.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from streams.media.kept_audio import Arriving, KeptUploads
from streams.web.api.problems import ProblemError

METADATA_BYTES: Final = 64 * 1024  # each record about the upload repeats them
OVERHEAD_BYTES: Final = METADATA_BYTES + 64 * 1024  # of a form around its file

# Bodies are bounded by the framework before anything reads them; the routes that take files say
# FILE_BYTES and count by themselves, since the largest file is a setting.
SMALL_BYTES: Final = 512 * 1024
FILE_BYTES: Final = 2**40


@dataclass
class Form:
    """What has arrived: the file (not kept yet), its name, and the metadata's bytes."""

    file: Arriving
    file_name: str = ""
    metadata: bytes = b""


@asynccontextmanager
async def received(request: Request, uploads: KeptUploads) -> AsyncIterator[Form]:
    """Receive a form; leaving the context removes a file that was not kept.

    Raises:
        ProblemError: no form, or not such a form.
        BadInput: the file is too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ProblemError(415, "unsupported_media_type", "send multipart/form-data or JSON")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > uploads.max_bytes + OVERHEAD_BYTES:
        raise ProblemError(413, "too_large", f"a file has at most {uploads.max_bytes} bytes")
    with Arriving(uploads) as file:
        form = Form(file)
        reader = _Reader(form)
        callbacks: Any = {name: getattr(reader, name) for name in dir(reader) if name[:3] == "on_"}
        try:
            parser = MultipartParser(boundary, callbacks)
            async for block in request.stream():
                # Parsed and written in a thread: other requests go on.
                await to_thread.run_sync(parser.write, block)
        except FormParserError as error:
            raise ProblemError(400, "bad_form", f"this is no form: {error}") from error
        except ClientDisconnect as error:
            raise ProblemError(400, "cut_off", "the upload broke off") from error
        if not reader.is_complete:
            raise ProblemError(400, "cut_off", "the form ends in the middle")
        if "file" not in reader.parts:
            raise ProblemError(422, "no_file", "the form has no part named file")
        yield form


class PartHeaders:
    """What python-multipart calls for the headers of a part, whose number and size it bounds."""

    def on_part_begin(self) -> None:
        """A part begins."""
        self._headers: dict[bytes, bytes] = {}

    def on_header_begin(self) -> None:
        """A header begins."""
        self._name = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Take some of its name."""
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take some of its value."""
        self._value += data[start:end]

    def on_header_end(self) -> None:
        """Keep it by its name."""
        self._headers[self._name.lower()] = self._value


class _Reader(PartHeaders):
    """What python-multipart calls."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.parts: list[str] = []
        self.is_complete = False

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        part = options.get(b"name", b"").decode(errors="replace")
        if part not in ("file", "metadata"):
            raise ProblemError(422, "bad_form", "parts are named file and metadata")
        if part in self.parts:
            raise ProblemError(422, "bad_form", f"one {part} in each form")
        if part == "file":
            self._form.file_name = options.get(b"filename", b"").decode(errors="replace")
        self.parts.append(part)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.parts[-1] == "file":
            self._form.file.write(data[start:end])
        elif len(self._form.metadata) + end - start > METADATA_BYTES:
            raise ProblemError(413, "too_large", f"metadata has at most {METADATA_BYTES} bytes")
        else:
            self._form.metadata += data[start:end]

    def on_end(self) -> None:
        self.is_complete = True
