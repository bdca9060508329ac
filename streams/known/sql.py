"""The fingerprint index over SQL: items, search, comparison. Its backends store the index keys.

A search looks for the same bytes, then the same samples, then items that share index keys. The
best of those are aligned landmark by landmark. Only matches by the frozen thresholds of
``detector.matching.match_classes`` are returned.
"""

import abc
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, func, select, update

from detector.matching.alignment import Recording, align
from detector.matching.classes import MatchClass
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarks
from detector.matching.match_classes import classify
from detector.matching.postings import MAX_NUMBER, Keys
from streams.known.index import Changed, Found, IndexStats, IndexUnusable, Item, Query
from streams.known.tables import ITEMS, METADATA, STATE
from streams.store import upgrade
from streams.store.database import Ledger, chunks

BATCH: Final = 1_000
CANDIDATES: Final = 16  # items aligned in one search, those with most keys in common
EXACT: Final = 500  # items of the same audio that one search returns
LAYOUT: Final = 3  # of index keys and postings

Noted = Callable[[Connection, dict[str, Any]], None]
"""Stores, in the transaction of a change, which items were added or removed."""
NAMED_IDS: Final = 20  # of the items of one change


class SqlIndex(abc.ABC):
    """A fingerprint index; every method may be called from any thread and may block."""

    def __init__(self, url: str) -> None:
        versions = {"landmarks": LANDMARKS_VERSION, "layout": LAYOUT}
        self.database = Ledger.open(url, METADATA)
        with self.database.transaction() as connection:
            upgrade.lock(connection)
            held = {row[0]: row[1] for row in connection.execute(select(STATE))}
            if not held:
                values = {**versions, "generation": 0, "numbers": 0}
                rows = [{"name": name, "value": value} for name, value in values.items()]
                connection.execute(STATE.insert(), rows)
        for name, ours in versions.items():
            if held and held.get(name) != ours:
                self.database.close()
                raise IndexUnusable(
                    f"the index holds {name} of version {held.get(name, 1)}, this release makes "
                    f"{ours}: build another from the artefact store"
                )

    @abc.abstractmethod
    def _keep_keys(self, connection: Connection, numbered: Sequence[tuple[int, Keys]]) -> None:
        """Store the index keys of new items, in the transaction that adds them."""

    @abc.abstractmethod
    def _drop_keys(self, connection: Connection, numbers: Sequence[int]) -> None:
        """Delete keys of removed items, now or later: their numbers are never used again."""

    @abc.abstractmethod
    def _votes(self, keys: Keys, limit: int) -> list[int]:
        """Return numbers of items that share at least two keys, most first."""

    @abc.abstractmethod
    def _sizes(self) -> tuple[int, int, int]:
        """Return postings, segments, bytes on disk."""

    @abc.abstractmethod
    def faults(self) -> Iterator[str]:
        """Yield every fault of the stored index; reads everything."""

    def add(self, items: Iterable[Item], noted: Noted | None = None) -> Changed:
        """Add items, durable when this returns; one that is there already changes nothing.

        Another recording under the id of an item replaces it. Each ``BATCH`` is one transaction,
        with ``noted`` in it.
        """
        total = Changed()
        waiting = iter(items)
        while batch := list(itertools.islice(waiting, BATCH)):
            latest = {(item.bank, item.item_id): item for item in batch}
            total += self._add(list(latest.values()), noted)
        return total

    def _add(self, items: Sequence[Item], noted: Noted | None) -> Changed:
        keyed = [item if item.keys is not None else item.with_keys() for item in items]
        with self.database.transaction() as connection:
            last_number = self.exclude(connection)
            names = [(item.bank, item.item_id) for item in keyed]
            stored = {(row["bank"], row["item_id"]): row for row in self._rows(connection, names)}
            changes = [
                (item, row)
                for item, name in zip(keyed, names, strict=True)
                if (row := stored.get(name)) is None or _item(row) != item
            ]
            new = [item for item, _ in changes]
            outdated = [int(row["number"]) for _, row in changes if row is not None]
            self._remove(connection, outdated)
            if new:
                last = last_number + len(new)
                if last > MAX_NUMBER:
                    raise IndexUnusable(
                        f"{MAX_NUMBER} items were added in all: bring the banks into a new index"
                    )
                _set(connection, "numbers", last)
                numbered = list(enumerate(new, last_number + 1))
                rows = [_without(vars(item), "keys") | {"number": n} for n, item in numbered]
                connection.execute(ITEMS.insert(), rows)
                keys = [(number, item.keys) for number, item in numbered if item.keys is not None]
                self._keep_keys(connection, keys)
                self._changed(connection)
            changed = Changed(len(new) - len(outdated), len(outdated), len(items) - len(new))
            if new and noted is not None:
                counts = {"added": changed.added, "replaced": changed.replaced}
                noted(connection, _named([item.item_id for item in new]) | counts)
        return changed

    def remove(self, bank: str, item_ids: Iterable[str], noted: Noted | None = None) -> int:
        """Remove items; return how many there were."""
        with self.database.transaction() as connection:
            rows = self._rows(connection, [(bank, item_id) for item_id in item_ids])
            numbers = [int(row["number"]) for row in rows]
            self._remove(connection, numbers)
            if numbers:
                self._changed(connection)
                if noted is not None:
                    noted(connection, _named([row["item_id"] for row in rows]))
        return len(numbers)

    def exclude(self, connection: Connection) -> int:
        """Exclude changes by other processes until the transaction ends; return the last number.

        On SQLite the write lock does it, with which each transaction begins.
        """
        row = select(STATE.c.value).where(STATE.c.name == "numbers")
        if connection.dialect.name == "postgresql":
            row = row.with_for_update()
        return connection.scalar(row) or 0

    def search(self, query: Query) -> list[Found]:
        """Return the matches of a query, the strongest class and the highest score first."""
        exact = select(ITEMS).where(_same_audio(query)).order_by(ITEMS.c.number).limit(EXACT)
        matches = {
            number: Found(_item(row), MatchClass.EXACT, None)
            for number, row in self._numbered(exact).items()
        }
        if query.recording is not None:
            # Twice as many: some may be gone.
            numbers = self._votes(query.recording.keys, 2 * CANDIDATES)
            others = [number for number in numbers if number not in matches]
            rows = self._numbered(select(ITEMS).where(ITEMS.c.number.in_(others)))
            for number in [n for n in numbers if n in rows][:CANDIDATES]:
                hit = _compared(query.recording, rows[number])
                if hit.match_class is not MatchClass.NONE:
                    matches[number] = hit
        return sorted(matches.values(), key=attrgetter("rank"))

    def items(self, banks: Sequence[str] | None = None) -> Iterator[Item]:
        """Return items by number, of some banks or of all."""
        question = select(ITEMS)
        if banks is not None:
            question = question.where(ITEMS.c.bank.in_(banks))
        return map(_item, self.database.pages(question, ITEMS.c.number, size=BATCH))

    def stats(self) -> IndexStats:
        """Return the size of the index."""
        question = select(ITEMS.c.bank, func.count()).group_by(ITEMS.c.bank).order_by(ITEMS.c.bank)
        with self.database.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(question)}
        return IndexStats(counts, *self._sizes())

    def close(self) -> None:
        """Close files and connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _numbered(self, question: Select[Any]) -> dict[int, RowMapping]:
        with self.database.reading() as connection:
            return {int(row["number"]): row for row in connection.execute(question).mappings()}

    @staticmethod
    def _rows(connection: Connection, names: Collection[tuple[str, str]]) -> list[RowMapping]:
        rows: list[RowMapping] = []
        for bank, group in itertools.groupby(sorted(names), key=lambda name: name[0]):
            for ids in chunks([item_id for _, item_id in group]):
                question = select(ITEMS).where(ITEMS.c.bank == bank, ITEMS.c.item_id.in_(ids))
                rows += connection.execute(question).mappings()
        return rows

    def _remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        for some in chunks(numbers):
            connection.execute(delete(ITEMS).where(ITEMS.c.number.in_(some)))
            self._drop_keys(connection, some)

    @staticmethod
    def _changed(connection: Connection) -> None:
        _set(connection, "generation", STATE.c.value + 1)

    @staticmethod
    def _generation(connection: Connection) -> int:
        return connection.scalar(select(STATE.c.value).where(STATE.c.name == "generation")) or 0


def _set(connection: Connection, name: str, value: Any) -> None:
    connection.execute(update(STATE).where(STATE.c.name == name).values(value=value))


def _named(item_ids: Sequence[str]) -> dict[str, Any]:
    return {"items": len(item_ids), "first": list(item_ids[:NAMED_IDS])}


def _item(row: RowMapping | dict[str, Any]) -> Item:
    return Item(**_without(row, "number"))


def _without(row: RowMapping | dict[str, Any], left_out: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != left_out}


def _same_audio(query: Query) -> ColumnElement[bool]:
    same = ITEMS.c.content_sha256 == query.content_sha256
    return same if query.pcm_sha256 is None else same | (ITEMS.c.pcm_sha256 == query.pcm_sha256)


def _compared(query: Recording, row: RowMapping) -> Found:
    item = _item(row)
    answer = align(query, Recording(Landmarks.from_bytes(item.landmarks)))
    kind = classify(answer, query.landmarks.duration_s, item.duration_s)
    return Found(item, kind, answer)
