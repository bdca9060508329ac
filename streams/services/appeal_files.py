"""Files that artists hand in with an appeal, and rightsholders with a choice: projects, documents.

They come from outside and stay as they came. A file is checked by its name's ending, its first
bytes and its size. It is never unpacked, decoded or shown; only those who decide appeals get it, as
a download. Contents are stored under their SHA-256:

    <root>/evidence/<ab>/<sha256>
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import IO, Any, Final, Literal

from detector.errors import BadInput
from streams.contract.records.reviews import AppealEvidence
from streams.contract.translations import N_
from streams.media.audio_formats import container_of
from streams.media.kept_audio import Arriving, KeptUploads
from streams.runtime.settings import Settings
from streams.services.accounts.tokens import new_id
from streams.services.signed_links import Link
from streams.store import appeal_files, audit
from streams.store.database import Connection, Ledger

Type = Literal["daw_session", "stems", "video", "contract", "other"]
MOST_FILES: Final = 20  # about one upload, or of one rightsholder
LONGEST_NAME: Final = 120
HEAD: Final = 64 * 1024  # bytes of a text that are looked at
OF_LINK: Final = ("link_id", "upload_id", "track_id")
UNSENT_KEPT: Final = timedelta(days=7)
ADDRESS: Final = "earmark:file/"  # begins the address of such a file in an appeal
NO_NAME: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f/\\:*?\"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class BadFile(BadInput):
    """A file is not taken; the reason is a stable code, ``text`` a marked text for its sender."""

    def __init__(self, reason: str, text: str, **values: object) -> None:
        super().__init__(reason, text.format(**values) if values else text)
        self.text, self.values = text, values


@dataclass(frozen=True)
class Kind:
    """A kind of file: the endings of its name, and how its content begins (after ``at`` bytes)."""

    name: str
    type: Type
    endings: tuple[str, ...]
    starts: tuple[bytes, ...]
    at: int = 0


AUDIO: Final = ("wav", "flac", "aif", "aiff", "mp3", "m4a", "ogg", "opus", "caf", "wv")
TEXTS: Final = ("txt", "md", "csv")
KINDS: Final = (
    Kind(
        "archive", "daw_session", ("zip", "dawproject", "logicx", "song", "band"), (b"PK\x03\x04",)
    ),
    Kind("archive", "daw_session", ("7z",), (b"7z\xbc\xaf\x27\x1c",)),
    Kind("archive", "daw_session", ("rar",), (b"Rar!\x1a\x07",)),
    Kind("archive", "daw_session", ("gz", "tgz"), (b"\x1f\x8b",)),
    Kind("Ableton Live", "daw_session", ("als", "adg", "alc"), (b"\x1f\x8b",)),
    Kind("FL Studio", "daw_session", ("flp",), (b"FLhd",)),
    Kind("REAPER", "daw_session", ("rpp",), (b"<REAPER_PROJECT",)),
    Kind("Cubase", "daw_session", ("cpr",), (b"RIFF", b"RIF2")),
    Kind("Pro Tools", "daw_session", ("ptx", "ptf"), (b"\x030010111100101011",)),
    Kind("AAF", "daw_session", ("aaf",), (b"\xd0\xcf\x11\xe0",)),
    Kind("MIDI", "daw_session", ("mid", "midi"), (b"MThd",)),
    Kind("video", "video", ("mp4", "mov"), (b"ftyp",), at=4),
    Kind("PDF", "contract", ("pdf",), (b"%PDF-",)),
    Kind("picture", "other", ("png",), (b"\x89PNG\r\n\x1a\n",)),
    Kind("picture", "other", ("jpg", "jpeg"), (b"\xff\xd8\xff",)),
)
ENDINGS: Final = tuple(
    dict.fromkeys([*(ending for kind in KINDS for ending in kind.endings), *AUDIO, *TEXTS])
)


@dataclass(frozen=True)
class AppealFile:
    """A file that was handed in; ``appeal_id`` is None until its appeal or request is sent."""

    file_id: str
    appeal_id: str | None
    name: str
    kind: str
    type: Type
    sha256: str
    size: int
    added_at: datetime
    rightsholder_id: str | None = None  # else it is of an upload

    @classmethod
    def of(cls, row: Any) -> "AppealFile":
        """Return the file of a row."""
        columns = {name: getattr(row, name) for name in cls.__annotations__ if name != "type"}
        return cls(**columns, type=type_of(row.kind))

    @property
    def evidence(self) -> AppealEvidence:
        """How an appeal names it."""
        address = ADDRESS + self.file_id
        return AppealEvidence(type=self.type, uri=address, sha256=self.sha256, note=self.name)


def type_of(kind: str) -> Type:
    """Return the type of evidence of a kind."""
    types: dict[str, Type] = {one.name: one.type for one in KINDS} | {"audio": "stems"}
    return types.get(kind, "other")


def folder_of(uploads: KeptUploads, settings: Settings) -> KeptUploads:
    """Return where files are kept: beside the uploads of a store."""
    root = uploads.root.removesuffix("uploads") + "evidence"
    return replace(uploads, root=root, max_bytes=settings.appeal_file_mb * 2**20)


def take(
    ledger: Ledger, settings: Settings, link: Link, name: str, arriving: Arriving
) -> AppealFile:
    """Keep a file that has arrived whole.

    Raises:
        BadFile: its kind is not taken, or it is one too many.
        BadInput: it is empty.
        Transient: it was not kept; send it again.
    """
    arrived = arriving.whole()
    with arriving.reading() as source:
        kind = kind_of(name, source)
    now = datetime.now(UTC)
    file = AppealFile(
        file_id=new_id("fil"),
        appeal_id=None,
        name=safe_name(name),
        kind=kind,
        type=type_of(kind),
        sha256=arrived.sha256,
        size=arrived.size,
        added_at=now,
        rightsholder_id=link.owner.get("rightsholder_id"),
    )
    about = {"link": link.link_id, "kind": kind, "size": file.size, "sha256": file.sha256}
    entry = audit.Entry(link.link_id, "appeal_file_added", file.file_id, about)
    with audit.transaction(ledger, entry) as connection:
        audit.lock(connection)  # of many at once, each must see those before
        _check_room(connection, settings, link, file.size)
        arriving.keep()
        row = {key: value for key, value in vars(file).items() if key != "type"}
        named = {name: value for name, value in vars(link).items() if name in OF_LINK}
        appeal_files.add(connection, dict.fromkeys(OF_LINK, "") | named | row)
    return file


def _check_room(connection: Connection, settings: Settings, link: Link, size: int) -> None:
    files, total = appeal_files.usage(connection, link.quota)
    if files >= MOST_FILES:
        raise BadFile("too_many_files", N_("You can hand in {most} files."), most=MOST_FILES)
    most = settings.appeal_files_mb
    if total + size > most * 2**20:
        raise BadFile("too_large", N_("All files together may have {most} MB."), most=most)


def kind_of(name: str, source: IO[bytes]) -> str:
    """Return the kind of a file by its ending and its first bytes.

    Raises:
        BadFile: it is not taken, or is not what its name promises.
    """
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower().removeprefix(".")
    head = source.read(HEAD)
    for kind in KINDS:
        if ending in kind.endings and head[kind.at :].startswith(kind.starts):
            return kind.name
    if ending in AUDIO and container_of(source) is not None:
        return "audio"
    if ending in TEXTS and _is_text(head):
        return "text"
    if ending in ENDINGS:
        message = N_("{name} is not what its name promises: its content is of another kind.")
        raise BadFile("bad_content", message, name=safe_name(name))
    message = N_(
        "{name} is of a kind that is not taken. Pack it into a ZIP file, or send one of: {kinds}."
    )
    raise BadFile("bad_kind", message, name=safe_name(name), kinds=", ".join(ENDINGS))


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == HEAD  # cut within a character
    return b"\0" not in head


def safe_name(name: str) -> str:
    """Return a file's name without its folders and without what moves or hides text."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = NO_NAME.sub("", last.encode(errors="replace").decode()).strip(" .")
    if len(plain) > LONGEST_NAME:
        stem, dot, ending = plain.rpartition(".")
        plain = f"{stem[: LONGEST_NAME - 12]}{dot}{ending[:10]}" if dot else plain[:LONGEST_NAME]
    return plain or "file"


def of_side(ledger: Ledger, link: Link) -> list[AppealFile]:
    """Return the files of those who have such a link."""
    with ledger.reading() as connection:
        return [AppealFile.of(row) for row in appeal_files.of_owner(connection, link.owner)]


def remove(ledger: Ledger, folder: KeptUploads, link: Link, file_id: str) -> None:
    """Remove a file that was not sent with an appeal yet; do nothing where there is none."""
    with ledger.transaction() as connection:
        audit.lock(connection)
        content = appeal_files.remove(connection, file_id, link.owner)
        if content is None:
            return
        audit.append(connection, audit.Entry(link.link_id, "appeal_file_removed", file_id))
        forget(connection, folder, [content])


def clean(ledger: Ledger, folder: KeptUploads) -> int:
    """Remove the files that were sent with no appeal for ``UNSENT_KEPT``; return how many."""
    with ledger.transaction() as connection:
        audit.lock(connection)
        contents = appeal_files.remove_unsent(connection, datetime.now(UTC) - UNSENT_KEPT)
        forget(connection, folder, contents)
    return len(contents)


def forget(connection: Connection, folder: KeptUploads, contents: list[str]) -> None:
    """Remove the contents that no row names any more."""
    for content in contents:
        if not appeal_files.is_kept(connection, content):
            folder.forget(content)


def reading(
    ledger: Ledger, folder: KeptUploads, file_id: str, *, of_appeals: bool = True
) -> tuple[AppealFile, IO[bytes]]:
    """Return a file and its open content, for those who decide appeals, or else about rights.

    Raises:
        BadFile: there is no such file, or its content is gone.
    """
    with ledger.reading() as connection:
        row = appeal_files.find(connection, file_id)
    if row is not None and (row.rightsholder_id is None) is not of_appeals:
        row = None
    source = None if row is None else folder.reading(row.sha256)
    if source is None:
        raise BadFile("no_such_file", N_("There is no such file."))
    return AppealFile.of(row), source


def paths_of(contents: list[str], root: str) -> Iterator[str]:
    """Yield where contents lie in a store, for their erasure."""
    return (f"{root}/evidence/{content[:2]}/{content}" for content in contents)
