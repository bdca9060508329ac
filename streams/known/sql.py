"""What both backends of the fingerprint index share: items in SQL, search, comparison."""

import abc
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Self

import sqlalchemy
from sqlalchemy import Connection, RowMapping, delete, func, select

from detector.matching.alignment import Recording, align
from detector.matching.classes import MatchClass
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarks
from detector.matching.match_classes import classify
from detector.matching.postings import MAX_NUMBER, Keys
from streams.known.index import (
    CANDIDATES,
    Changed,
    Found,
    IndexStats,
    IndexUnusable,
    Item,
    Query,
    strongest,
)
from streams.known.tables import ITEMS, METADATA, STATE
from streams.store import upgrade
from streams.store.database import Ledger

BATCH: Final = 1_000
CHUNK: Final = 500  # ids in one question
LAYOUT: Final = 3  # of index keys and postings

Noted = Callable[[Connection, Sequence[str], Changed | None], None]
"""Writes down, in the transaction of a change, which items were added or removed."""


class SqlIndex(abc.ABC):
    """A fingerprint index whose items are rows; where index keys lie is the backend's."""

    def __init__(self, url: str) -> None:
        self.database = Ledger.open(url, METADATA)
        with self.database.transaction() as connection:
            upgrade.lock(connection)
            held = {row[0]: row[1] for row in connection.execute(select(STATE))}
            if not held:
                connection.execute(
                    STATE.insert(),
                    [
                        {"name": "landmarks", "value": LANDMARKS_VERSION},
                        {"name": "layout", "value": LAYOUT},
                        {"name": "generation", "value": 0},
                        {"name": "numbers", "value": 0},
                    ],
                )
        for name, ours in (("landmarks", LANDMARKS_VERSION), ("layout", LAYOUT)):
            if held and held.get(name) != ours:
                self.database.close()
                raise IndexUnusable(
                    f"the index holds {name} of version {held.get(name, 1)}, this release makes "
                    f"{ours}: build another from the artefact store"
                )

    # --- what a backend adds ---------------------------------------------------------------

    @abc.abstractmethod
    def _keep_keys(self, connection: Connection, numbered: Sequence[tuple[int, Keys]]) -> None:
        """Keep the index keys of new items, in the transaction that adds them."""

    @abc.abstractmethod
    def _drop_keys(self, connection: Connection, numbers: Sequence[int]) -> None:
        """Forget keys of removed items, now or later: their numbers are never used again."""

    @abc.abstractmethod
    def _votes(self, keys: Keys, limit: int) -> list[int]:
        """Return numbers of items that share at least two keys, most first."""

    @abc.abstractmethod
    def _sizes(self) -> tuple[int, int, int]:
        """Return postings, segments, bytes on disk."""

    @abc.abstractmethod
    def faults(self) -> Iterator[str]:
        """Yield what is wrong with what lies there; reads everything."""

    def _added(self) -> None:  # noqa: B027 - most backends have nothing to do
        """Tidy up after items were added."""

    # --- the interface ---------------------------------------------------------------------

    def add(self, items: Iterable[Item], noted: Noted | None = None) -> Changed:
        """See ``FingerprintIndex.add``; each thousand is one transaction, ``noted`` in it."""
        total = Changed()
        waiting = iter(items)
        while batch := list(itertools.islice(waiting, BATCH)):
            # the last of one id is the one that stays
            change = self._add(
                list({(item.bank, item.item_id): item for item in batch}.values()), noted
            )
            total = total.and_also(change)
            self._added()
        return total

    def _add(self, items: Sequence[Item], noted: Noted | None) -> Changed:
        keyed = [item if item.keys is not None else _with_keys(item) for item in items]
        with self.database.transaction() as connection:
            last_number = _given(connection)  # no other process adds from here on
            there = {
                (row["bank"], row["item_id"]): row
                for row in self._rows(connection, [(item.bank, item.item_id) for item in keyed])
            }
            new = [item for item in keyed if not _same(item, there.get((item.bank, item.item_id)))]
            outdated = [
                int(there[key]["number"])
                for item in new
                if (key := (item.bank, item.item_id)) in there
            ]
            self._remove(connection, outdated)
            if new:
                numbers = range(last_number + 1, last_number + 1 + len(new))
                if numbers[-1] > MAX_NUMBER:
                    raise IndexUnusable(
                        f"{MAX_NUMBER} items were added in all: bring the banks into a new index"
                    )
                _set(connection, "numbers", numbers[-1])
                connection.execute(
                    ITEMS.insert(),
                    [_row(number, item) for number, item in zip(numbers, new, strict=True)],
                )
                self._keep_keys(
                    connection,
                    [
                        (n, item.keys)
                        for n, item in zip(numbers, new, strict=True)
                        if item.keys is not None
                    ],
                )
                self._changed(connection)
            changed = Changed(len(new) - len(outdated), len(outdated), len(items) - len(new))
            if new and noted is not None:
                noted(connection, [item.item_id for item in new], changed)
        return changed

    def remove(self, bank: str, item_ids: Iterable[str], noted: Noted | None = None) -> int:
        """See ``FingerprintIndex.remove``."""
        with self.database.transaction() as connection:
            rows = self._rows(connection, [(bank, item_id) for item_id in item_ids])
            numbers = [int(row["number"]) for row in rows]
            self._remove(connection, numbers)
            if numbers:
                self._changed(connection)
                if noted is not None:
                    noted(connection, [row["item_id"] for row in rows], None)
        return len(numbers)

    def exclude(self, connection: Connection) -> None:
        """Let no other process change anything until this transaction ends."""
        _given(connection)

    def search(self, query: Query, candidates: int = CANDIDATES) -> list[Found]:
        """See ``FingerprintIndex.search``."""
        matches = {
            int(row["number"]): Found(_item(row), MatchClass.EXACT, None)
            for row in self._exact(query)
        }
        if query.recording is not None:
            # twice as many: some may be gone
            numbers = self._votes(query.recording.keys, 2 * candidates)
            rows = self._numbered([n for n in numbers if n not in matches])
            for number in [n for n in numbers if n in rows][:candidates]:
                hit = _compared(query.recording, rows[number])
                if hit.match_class is not MatchClass.NONE:
                    matches[number] = hit
        return strongest(matches.values())

    def compare(self, query: Query, bank: str, item_id: str) -> Found | None:
        """See ``FingerprintIndex.compare``."""
        with self.database.reading() as connection:
            rows = self._rows(connection, [(bank, item_id)])
        if not rows:
            return None
        item = _item(rows[0])
        if query.content_sha256 == item.content_sha256 or (
            query.pcm_sha256 is not None and query.pcm_sha256 == item.pcm_sha256
        ):
            return Found(item, MatchClass.EXACT, None)
        if query.recording is None:
            return Found(item, MatchClass.NONE, None)
        return _compared(query.recording, rows[0])

    def items(self, banks: Sequence[str] | None = None) -> Iterator[Item]:
        """Yield items by number, of some banks or of all; in pieces, so it may take long."""
        last = 0
        while True:
            question = select(ITEMS).where(ITEMS.c.number > last).order_by(ITEMS.c.number)
            if banks is not None:
                question = question.where(ITEMS.c.bank.in_(banks))
            with self.database.reading() as connection:
                rows = connection.execute(question.limit(BATCH)).mappings().all()
            if not rows:
                return
            for row in rows:
                yield _item(row)
            last = int(rows[-1]["number"])

    def stats(self) -> IndexStats:
        """See ``FingerprintIndex.stats``."""
        with self.database.reading() as connection:
            counted = connection.execute(
                select(ITEMS.c.bank, func.count()).group_by(ITEMS.c.bank).order_by(ITEMS.c.bank)
            ).all()
            generation = self._generation(connection)
        return IndexStats({row[0]: row[1] for row in counted}, *self._sizes(), generation)

    def close(self) -> None:
        """See ``FingerprintIndex.close``."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- rows --------------------------------------------------------------------------------

    def _exact(self, query: Query) -> Sequence[RowMapping]:
        same = ITEMS.c.content_sha256 == bytes.fromhex(query.content_sha256)
        if query.pcm_sha256 is not None:
            same |= ITEMS.c.pcm_sha256 == bytes.fromhex(query.pcm_sha256)
        with self.database.reading() as connection:
            question = select(ITEMS).where(same).order_by(ITEMS.c.number).limit(CHUNK)
            return connection.execute(question).mappings().all()

    def _numbered(self, numbers: Sequence[int]) -> dict[int, RowMapping]:
        if not numbers:
            return {}
        with self.database.reading() as connection:
            question = select(ITEMS).where(ITEMS.c.number.in_(numbers))
            return {int(row["number"]): row for row in connection.execute(question).mappings()}

    def _rows(self, connection: Connection, names: Sequence[tuple[str, str]]) -> list[RowMapping]:
        matches: list[RowMapping] = []
        for bank, group in itertools.groupby(sorted(names), key=lambda name: name[0]):
            ids = [item_id for _, item_id in group]
            for start in range(0, len(ids), CHUNK):
                question = select(ITEMS).where(
                    ITEMS.c.bank == bank, ITEMS.c.item_id.in_(ids[start : start + CHUNK])
                )
                matches += connection.execute(question).mappings()
        return matches

    def _remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), CHUNK):
            some = numbers[start : start + CHUNK]
            connection.execute(delete(ITEMS).where(ITEMS.c.number.in_(some)))
            self._drop_keys(connection, some)

    @staticmethod
    def _changed(connection: Connection) -> None:
        _set(connection, "generation", STATE.c.value + 1)

    @staticmethod
    def _generation(connection: Connection) -> int:
        return connection.scalar(select(STATE.c.value).where(STATE.c.name == "generation")) or 0


def _given(connection: Connection) -> int:
    """Return the last number; no other process gives one until the transaction ends.

    SQLite needs no more than the write lock with which each of our transactions begins.
    """
    row = select(STATE.c.value).where(STATE.c.name == "numbers")
    if connection.dialect.name == "postgresql":
        row = row.with_for_update()
    return connection.scalar(row) or 0


def _set(connection: Connection, name: str, value: Any) -> None:
    changed = sqlalchemy.update(STATE).where(STATE.c.name == name).values(value=value)
    connection.execute(changed)


def _with_keys(item: Item) -> Item:
    return Item.of(
        item.bank,
        item.item_id,
        item.content_sha256,
        item.landmarks,
        pcm_sha256=item.pcm_sha256,
        generator=item.generator,
        licence=item.licence,
        note=item.note,
    )


def _row(number: int, item: Item) -> dict[str, Any]:
    return {
        "number": number,
        "bank": item.bank,
        "item_id": item.item_id,
        "content_sha256": bytes.fromhex(item.content_sha256),
        "pcm_sha256": item.pcm_sha256 and bytes.fromhex(item.pcm_sha256),
        "duration_s": item.duration_s,
        "landmarks": item.landmarks,
        "generator": item.generator,
        "licence": item.licence,
        "note": item.note,
    }


def _item(row: RowMapping) -> Item:
    pcm = row["pcm_sha256"]
    return Item(
        bank=row["bank"],
        item_id=row["item_id"],
        content_sha256=bytes(row["content_sha256"]).hex(),
        landmarks=bytes(row["landmarks"]),
        duration_s=row["duration_s"],
        pcm_sha256=None if pcm is None else bytes(pcm).hex(),
        generator=row["generator"],
        licence=row["licence"],
        note=row["note"],
    )


def _same(item: Item, row: RowMapping | None) -> bool:
    return row is not None and _item(row) == item


def _compared(query: Recording, row: RowMapping) -> Found:
    item = _item(row)
    answer = align(query, Recording(Landmarks.from_bytes(item.landmarks)))
    kind = classify(answer, query.landmarks.duration_s, item.duration_s)
    return Found(item, kind, answer)
