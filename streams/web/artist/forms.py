"""Forms of the page of artists: texts and files in one, as a stream.

Files go to the disk as they arrive, never into memory. The page's token comes first: without it no
byte of a file is written. What is more, too large or cut off ends the request, and nothing of it
remains.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from detector.errors import BadInput
from streams.contract.translations import N_
from streams.media.kept_audio import Arriving
from streams.services.appeal_files import MOST_FILES
from streams.web.api.multipart import PartHeaders
from streams.web.api.problems import ProblemError
from streams.web.artist.guests import Guest

FIELD_BYTES: Final = 48 * 1024  # of one text; a character of the statement has up to four
MOST_FIELDS: Final = 40
BROKEN: Final = N_("What you sent did not arrive whole. Please try again.")


@dataclass
class HandedIn:
    """What has arrived: texts by name, and files with their names, which are not kept yet."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    files: list[tuple[str, Arriving]] = field(default_factory=list)

    def text(self, name: str, most: int = 10_000) -> str:
        """Return a text, cut to what is sensible."""
        return (self.texts.get(name) or [""])[0].strip()[:most]


@asynccontextmanager
async def received(guest: Guest[Any]) -> AsyncIterator[HandedIn]:
    """Receive a form; leaving the context removes files that were not kept.

    Raises:
        ProblemError: no form, not such a form, or not from the page of this link.
        BadInput: a file is too large.
    """
    request, folder = guest.request, guest.resources.evidence
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ProblemError(415, "unsupported_media_type", guest.text(BROKEN))
    most = guest.resources.settings.appeal_files_mb * 2**20 + MOST_FIELDS * FIELD_BYTES
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise ProblemError(413, "too_large", guest.text(N_("These files are too large together.")))
    with ExitStack() as stack:
        reader = _Reader(guest, stack, most)
        callbacks: Any = {name: getattr(reader, name) for name in dir(reader) if name[:3] == "on_"}
        try:
            parser = MultipartParser(boundary, callbacks)
            async for block in request.stream():
                # Parsed and written in a thread: other requests go on.
                await to_thread.run_sync(reader.write, parser, block)
        except FormParserError as error:
            raise ProblemError(400, "bad_form", guest.text(BROKEN)) from error
        except BadInput as error:  # of ``Arriving``
            detail = guest.text(N_("A file may have {most} MB."), most=folder.max_bytes // 2**20)
            raise ProblemError(413, "too_large", detail) from error
        except ClientDisconnect as error:
            raise ProblemError(400, "cut_off", guest.text(BROKEN)) from error
        if not reader.is_complete:
            raise ProblemError(400, "cut_off", guest.text(BROKEN))
        guest.check(reader.form.text("csrf"))
        yield reader.form


class _Reader(PartHeaders):
    """What python-multipart calls."""

    def __init__(self, guest: Guest[Any], stack: ExitStack, most: int) -> None:
        self._guest, self._stack, self._left = guest, stack, most
        self._folder = guest.resources.evidence
        self.form = HandedIn()
        self.is_complete = False
        self._parts = 0

    def write(self, parser: MultipartParser, block: bytes) -> None:
        """Take the next bytes of the request."""
        self._left -= len(block)
        if self._left < 0:
            detail = self._guest.text(N_("These files are too large together."))
            raise ProblemError(413, "too_large", detail)
        parser.write(block)

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise ProblemError(422, "bad_form", self._guest.text(BROKEN))

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._part = options.get(b"name", b"").decode(errors="replace")[:64]
        self._file: Arriving | None = None
        self._text = bytearray()
        self._is_file = b"filename" in options
        name = options.get(b"filename", b"").decode(errors="replace")
        if self._is_file and name:  # a field without a file has no name
            self._guest.check(self.form.text("csrf"))
            if len(self.form.files) >= MOST_FILES:
                detail = self._guest.text(N_("You can hand in {most} files."), most=MOST_FILES)
                raise ProblemError(422, "too_many_files", detail)
            self._file = self._stack.enter_context(Arriving(self._folder))
            self.form.files.append((name, self._file))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif not self._is_file:
            if len(self._text) + end - start > FIELD_BYTES:
                raise ProblemError(413, "too_large", self._guest.text(N_("This text is too long.")))
            self._text += data[start:end]

    def on_part_end(self) -> None:
        if not self._is_file:
            values = self.form.texts.setdefault(self._part, [])
            values.append(self._text.decode(errors="replace"))

    def on_end(self) -> None:
        self.is_complete = True
