"""The embedded index: one folder, for one machine; several processes may share it.

    <folder>/index.db                items, banks, audit log; keys of the latest items
    <folder>/postings/<name>.seg     keys of the others: immutable, sorted, memory-mapped

SQLite is the log: after a crash the index contains exactly the committed transactions. The keys
of a few thousand fresh items become a segment. Its file is written and synced under an unused
name; then one transaction names it and deletes those keys. A file that no row names is the rest of
a crash, and the next writer removes it. Small segments are merged the same way, slice by slice.
"""

import contextlib
import fcntl
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import sqlalchemy
import structlog
from sqlalchemy import Connection, Row, RowMapping, delete, func, select, update

from detector.errors import OwnSideAway
from detector.matching.postings import (
    MAX_NUMBER,
    Keys,
    Packed,
    Postings,
    merged,
    pack,
    packed,
    votes,
)
from streams.known import segments
from streams.known.index import Changed, IndexUnusable, Item
from streams.known.sql import Noted, SqlIndex
from streams.known.tables import FRESH, ITEMS, SEGMENTS
from streams.store.database import count

log = structlog.get_logger()

FRESH_ITEMS: Final = 4_096  # items with keys in the database; then they become a segment
MERGE_FROM: Final = 8  # segments of one size that become one
MAX_PARTS: Final = 16  # fresh pieces held in memory; then they are sorted into one
_TRIES: Final = 5


class EmbeddedIndex(SqlIndex):
    """The index of one folder; see the module and ``SqlIndex``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._segments_folder = folder / "postings"
        try:
            self._segments_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IndexUnusable(f"the folder of EARMARK_INDEX cannot be made: {error}") from error
        super().__init__(f"sqlite:///{folder / 'index.db'}")
        self._lock = threading.Lock()
        self._seen = -1
        self._mapped: dict[str, Postings] = {}
        self._fresh: list[Postings] = []
        self._fresh_last = 0

    def close(self) -> None:
        """Close files and connections."""
        with self._lock:
            self._mapped, self._fresh, self._seen, self._fresh_last = {}, [], -1, 0
        super().close()

    def _votes(self, keys: Keys, limit: int) -> list[int]:
        return votes(self._parts(), keys).promising()[:limit]

    def _parts(self) -> list[Postings]:
        """Return all current postings; mapped segments stay mapped."""
        for _ in range(_TRIES):
            with (
                # a merge may remove a file between the query and the opening
                contextlib.suppress(FileNotFoundError),
                self._lock,
                self.database.reading() as connection,
            ):
                generation = self._generation(connection)
                if generation != self._seen:
                    self._refresh(connection)
                if generation == self._generation(connection):  # no change since the first look
                    self._seen = generation
                    return [*self._mapped.values(), *self._fresh]
                self._seen = -1
        raise OwnSideAway(f"the segments in {self.folder} do not stand still, or are missing")

    def _refresh(self, connection: Connection) -> None:
        names = set(connection.scalars(select(SEGMENTS.c.file)))
        if names != set(self._mapped):
            known = self._mapped
            self._mapped = {
                name: known[name] if name in known else segments.read(self._segments_folder / name)
                for name in sorted(names)
            }
            self._fresh, self._fresh_last = [], 0  # some are in the segments now
        rows = connection.execute(
            select(FRESH).where(FRESH.c.number > self._fresh_last).order_by(FRESH.c.number)
        ).all()
        if rows:
            self._fresh.append(Postings.of(_packed(rows)))
            self._fresh_last = rows[-1][0]
        if len(self._fresh) > MAX_PARTS:
            every = packed(part.slice(0, 2**32) for part in self._fresh)
            self._fresh = [Postings.of(every)]

    def _sizes(self) -> tuple[int, int, int]:
        parts = self._parts()
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return sum(len(part) for part in parts), len(self._mapped), size

    def _keep_keys(self, connection: Connection, numbered: Sequence[tuple[int, Keys]]) -> None:
        rows = [{"number": n, "keys": keys.astype("<u8").tobytes()} for n, keys in numbered]
        connection.execute(FRESH.insert(), rows)

    def _drop_keys(self, connection: Connection, numbers: Sequence[int]) -> None:
        connection.execute(delete(FRESH).where(FRESH.c.number.in_(numbers)))
        # keys in segments go with the next merge; an exact count would read every item
        for number in numbers:
            here = (SEGMENTS.c.first <= number) & (number <= SEGMENTS.c.last)
            connection.execute(update(SEGMENTS).where(here).values(gone=SEGMENTS.c.gone + 1))

    def _add(self, items: Sequence[Item], noted: Noted | None) -> Changed:
        changed = super()._add(items, noted)
        with self.database.reading() as connection:
            fresh = count(connection, FRESH)
        if fresh >= FRESH_ITEMS:
            self.compact()
        return changed

    def compact(self) -> None:
        """Write fresh keys to a segment and merge small segments, unless another process does."""
        with (self.folder / "compact.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._sweep()
            self._flush()
            while small := self._mergeable():
                self._merge(small)

    def _flush(self) -> None:
        with self.database.reading() as connection:
            rows = connection.execute(select(FRESH).order_by(FRESH.c.number)).all()
        if not rows:
            return
        first, last = rows[0][0], rows[-1][0]
        segment = self._write([_packed(rows)], first, last, len(rows))
        with self.database.transaction() as connection:
            these = FRESH.c.number.between(first, last)
            left = connection.execute(delete(FRESH).where(these)).rowcount
            connection.execute(SEGMENTS.insert(), segment | {"gone": len(rows) - left})
            self._changed(connection)

    def _mergeable(self) -> Sequence[RowMapping]:
        """Return neighbours of about one size, or one segment of which half is gone."""
        with self.database.reading() as connection:
            rows = connection.execute(select(SEGMENTS).order_by(SEGMENTS.c.first)).mappings().all()
        for row in rows:
            if 2 * row["gone"] > row["items"]:
                return [row]
        for start in range(len(rows) - MERGE_FROM + 1):
            some = rows[start : start + MERGE_FROM]
            sizes = [max(1, row["postings"]) for row in some]
            if max(sizes) <= MERGE_FROM * min(sizes):
                return some
        return ()

    def _merge(self, small: Sequence[RowMapping]) -> None:
        first, last = small[0]["first"], small[-1]["last"]
        parts = [segments.read(self._segments_folder / row["file"]) for row in small]
        items, kept = sum(row["items"] for row in small), merged(parts)
        if gone := sum(row["gone"] for row in small):
            alive = self._alive(first, last)
            items = int(alive.sum())
            kept = (part[alive[_numbers(part) - first]] for part in kept)
        segment = self._write(kept, first, last, items) if items else None
        files = [row["file"] for row in small]
        these = SEGMENTS.c.file.in_(files)
        with self.database.transaction() as connection:
            now_gone = connection.scalar(select(func.sum(SEGMENTS.c.gone)).where(these)) or 0
            connection.execute(delete(SEGMENTS).where(these))
            if segment is not None:
                # an item removed during the writing may be counted although it was left out
                connection.execute(SEGMENTS.insert(), segment | {"gone": now_gone - gone})
            self._changed(connection)
        for name in files:
            (self._segments_folder / name).unlink(missing_ok=True)

    def _alive(self, first: int, last: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        alive = np.zeros(last - first + 1, np.bool_)
        with self.database.reading() as connection:
            question = select(ITEMS.c.number).where(ITEMS.c.number.between(first, last))
            for some in connection.scalars(question).partitions(FRESH_ITEMS):
                alive[np.array(some) - first] = True
        return alive

    def _write(
        self, slices: Iterable[Packed], first: int, last: int, items: int
    ) -> dict[str, object]:
        """Write a segment, durably; return the row that will name it."""
        name = f"{first:010}-{last:010}-{uuid4().hex[:8]}.seg"
        postings, sha256 = segments.write(self._segments_folder / name, slices)
        place = {"file": name, "first": first, "last": last}
        return place | {"items": items, "postings": postings, "sha256": sha256}

    def _sweep(self) -> None:
        """Remove files that no row names: the rest of a crash."""
        with self.database.reading() as connection:
            named = set(connection.scalars(select(SEGMENTS.c.file)))
        for path in self._segments_folder.glob("*.seg"):
            if path.name not in named:
                log.info("segment_swept", file=path.name)
                path.unlink(missing_ok=True)

    def faults(self) -> Iterator[str]:
        """Yield every fault of the folder; reads everything."""
        with self.database.reading() as connection:
            integrity = connection.scalar(sqlalchemy.text("PRAGMA integrity_check"))
            if integrity != "ok":
                yield f"index.db: {integrity}"
            rows = connection.execute(select(SEGMENTS).order_by(SEGMENTS.c.first))
            named = rows.mappings().all()
            fresh = connection.scalar(select(func.min(FRESH.c.number)))
        last = 0
        for row in named:
            path = self._segments_folder / row["file"]
            if not path.exists():
                yield f"{row['file']} is missing"
                continue
            if segments.digest_of(path) != row["sha256"]:
                yield f"{row['file']} is not what was written"
            if row["first"] <= last:
                yield f"{row['file']} overlaps the one before it"
            last = row["last"]
        if fresh is not None and fresh <= last:
            yield "fresh keys lie in a segment too"


def _packed(rows: Sequence[Row[int, bytes]]) -> Packed:
    numbers = np.array([number for number, _ in rows], np.uint64)
    counts = [len(keys) // 8 for _, keys in rows]
    keys = np.frombuffer(b"".join(keys for _, keys in rows), "<u8")
    postings = pack(keys, np.repeat(numbers, counts))
    postings.sort()
    return postings


def _numbers(postings: Packed) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return ((postings >> np.uint64(8)) & np.uint64(MAX_NUMBER)).astype(np.int64)
