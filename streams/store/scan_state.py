"""What a scan has listed and read: one SQLite file, so that a killed scan goes on.

Each file has one row. A run lists all of them first, then reads those that have no reading yet, or
one of another content or model. Pairs are of contents: the same bytes are compared once.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func, or_, select, update

from streams.store.database import Ledger, count, insert_into
from streams.store.tables import columns, optional, words

METADATA: Final = sa.MetaData()
FILES: Final = sa.Table(
    "scan_files",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    *words("key", unique=True),
    *columns(sa.Integer, "run"),  # the last one that listed it
    *words("stamp", "listed"),
    *optional("read_stamp", "basis", "content_sha256", "reading"),
    *columns(sa.Boolean, "final", default=False),
    sa.Index("scan_files_by_content", "content_sha256"),
)
PAIRS: Final = sa.Table(
    "scan_pairs",
    METADATA,
    *words("first", "second", primary_key=True),
    *words("match_class"),
    *columns(sa.Float, "overlap_s"),
)
BATCH: Final = 1_000
PAGE: Final = 200


class ListedFile(NamedTuple):
    """A file of this run: its key, what changes with its content, its description as JSON."""

    key: str
    stamp: str
    listed: str


class Pair(NamedTuple):
    """Two contents that match, the lesser digest first; the overlap in seconds."""

    first: str
    second: str
    match_class: str
    overlap_s: float


class ScanState:
    """The state of a scan in a folder; safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        self._database = Ledger.open(f"sqlite:///{folder / 'scan.db'}", METADATA)
        with self._database.reading() as connection:
            self.run = (connection.scalar(select(func.max(FILES.c.run))) or 0) + 1

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def note(self, files: Iterable[ListedFile]) -> None:
        """Store which files this run is about; what was read of them stays."""
        waiting = iter(files)
        while batch := list(islice(waiting, BATCH)):
            rows = [file._asdict() | {"run": self.run} for file in batch]
            with self._database.transaction() as connection:
                insert = insert_into(connection, FILES)
                newer = {name: insert.excluded[name] for name in ("run", "stamp", "listed")}
                changed = insert.on_conflict_do_update(index_elements=["key"], set_=newer)
                connection.execute(changed, rows)

    def counts(self, basis: str) -> tuple[int, int]:
        """Return how many files this run is about, and how many have to be read."""
        with self._database.reading() as connection:
            listed = FILES.c.run == self.run
            unread = count(connection, FILES, listed, _unread(basis))
            return count(connection, FILES, listed), unread

    def unread(self, basis: str) -> Iterator[ListedFile]:
        """Yield the files that have to be read, in the order in which they were first listed."""
        question = select(FILES.c.number, FILES.c.key, FILES.c.stamp, FILES.c.listed)
        question = question.where(FILES.c.run == self.run, _unread(basis))
        for row in self._database.pages(question, FILES.c.number, size=PAGE):
            yield ListedFile(row["key"], row["stamp"], row["listed"])

    def reading_of(self, content_sha256: str, basis: str) -> str | None:
        """Return what was read of the same content, or None."""
        same = (FILES.c.content_sha256 == content_sha256, FILES.c.basis == basis, FILES.c.final)
        with self._database.reading() as connection:
            return connection.scalar(select(FILES.c.reading).where(*same).limit(1))

    def keep(
        self,
        file: ListedFile,
        basis: str,
        reading: str,
        *,
        content_sha256: str | None = None,
        final: bool = True,
        pairs: Iterable[Pair] = (),
    ) -> None:
        """Store what was read of a file, with its matches; ``final``: it need not be read again."""
        values: Mapping[str, Any] = {
            "read_stamp": file.stamp,
            "basis": basis,
            "reading": reading,
            "content_sha256": content_sha256,
            "final": final,
        }
        with self._database.transaction() as connection:
            connection.execute(update(FILES).where(FILES.c.key == file.key).values(values))
            if rows := [pair._asdict() for pair in pairs]:
                insert = insert_into(connection, PAIRS).on_conflict_do_nothing()
                connection.execute(insert, rows)

    def rows(self, basis: str) -> Iterator[tuple[str, str | None]]:
        """Yield description and reading of each file of this run; None: not read yet.

        What was read of another content or by another model counts as not read.
        """
        outdated = (FILES.c.read_stamp != FILES.c.stamp) | (FILES.c.basis != basis)
        question = select(FILES.c.number, FILES.c.listed, FILES.c.reading, outdated.label("old"))
        question = question.where(FILES.c.run == self.run)
        for row in self._database.pages(question, FILES.c.number):
            yield row["listed"], None if row["old"] else row["reading"]

    def pairs(self) -> Iterator[Pair]:
        """Yield all pairs of contents that match, of earlier runs too."""
        for row in self._database.pages(select(PAIRS), PAIRS.c.first, PAIRS.c.second):
            yield Pair(**row)


def _unread(basis: str) -> ColumnElement[bool]:
    return or_(
        FILES.c.reading.is_(None),
        FILES.c.read_stamp != FILES.c.stamp,
        FILES.c.basis != basis,
        ~FILES.c.final,
    )
