"""Dead letters in the ledger: which there are, how each stands, and what was done about it.

The ledger is what a replay reads: it holds the exact bytes under an id, by reason, track
and time, for longer than a topic keeps anything. A letter is open until somebody replays
or drops it; both are rows of their own (who, when, why), and nothing is ever deleted. A
replayed message that dies again is a new letter, open again, whose headers say so.
"""

from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import ColumnElement, Select, func, insert, select

from detector.errors import BadInput
from streams.contract import dead_letters
from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import DEAD_LETTER_ACTIONS as ACTIONS
from streams.store.tables import DEAD_LETTERS as LETTERS

LATEST: Final = Sorted.by((LETTERS.c.recorded_at, True), (LETTERS.c.dead_letter_id, True))
Standing = Literal["open", "replayed", "dropped"]


class NoSuchLetter(BadInput):
    """The ledger has no dead letter of this id."""

    def __init__(self, reason: str = "no_such_letter", detail: str = "") -> None:
        super().__init__(reason, detail)


@dataclass(frozen=True)
class Wanted:
    """Which letters are asked for; what is left out does not matter."""

    ids: tuple[str, ...] = ()
    topic: str | None = None
    processor: str | None = None
    reason: str | None = None
    upload_id: str | None = None
    track_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    standing: str | None = None

    @property
    def anything(self) -> bool:
        """Whether nothing but the standing narrows it down."""
        return self == Wanted(standing=self.standing)


@dataclass(frozen=True)
class Letter:
    """A dead letter with all that a replay needs, and how it stands."""

    dead_letter_id: str
    source: str
    processor: str
    reason: str
    detail: str
    origin: str
    upload_id: str | None
    track_id: str | None
    key: bytes | None
    value: bytes | None
    omitted: bool
    headers: tuple[tuple[str, bytes], ...]
    recorded_at: datetime | None
    standing: Standing
    replays: int  # of this letter; its headers tell those of the letters before it

    @property
    def attempts(self) -> int:
        """How often the message has been replayed, over all of its deaths."""
        return dead_letters.attempts(self.headers) + self.replays


@dataclass(frozen=True)
class Action:
    """What somebody did about a letter."""

    dead_letter_id: str
    action: Literal["replayed", "dropped"]
    who: str
    why: str
    attempt: int = 0
    sent_to: str | None = None
    recorded_at: datetime | None = None
    upload_id: str | None = None
    track_id: str | None = None


@dataclass(frozen=True)
class Heap:
    """Letters that died in the same place for the same reason."""

    source: str
    processor: str
    reason: str
    count: int
    oldest: datetime | None
    newest: datetime | None


def find(ledger: Ledger, wanted: Wanted, limit: int | None = None) -> list[Letter]:
    """Return the letters that are wanted, oldest first (the latest, where there is a limit)."""
    latest = _asked(wanted, LETTERS, _standing(), _replays()).order_by(*LATEST.order(None))
    with ledger.reading() as connection:
        rows = connection.execute(latest.limit(limit)).mappings().all()
    return [_letter(dict(row)) for row in reversed(rows)]


def part(ledger: Ledger, wanted: Wanted, cursor: str | None, limit: int) -> Part[Letter]:
    """Return a part of the letters that are wanted, latest first.

    Raises:
        BadCursor: none of this list's.
    """
    question = LATEST.part(_asked(wanted, LETTERS, _standing(), _replays()), cursor, limit)
    with ledger.reading() as connection:
        rows = connection.execute(question).mappings().all()
    return LATEST.as_part([_letter(dict(row)) for row in rows], cursor, limit, getattr)


def one(ledger: Ledger, dead_letter_id: str) -> Letter:
    """Return one letter.

    Raises:
        NoSuchLetter: there is none of this id.
    """
    found = find(ledger, Wanted(ids=(dead_letter_id,)))
    if not found:
        raise NoSuchLetter(detail=f"the ledger has no dead letter {dead_letter_id}")
    return found[0]


def heaps(ledger: Ledger, wanted: Wanted) -> list[Heap]:
    """Return where and why letters died, the largest heap first."""
    place = (LETTERS.c.source, LETTERS.c.processor, LETTERS.c.reason)
    count, at = func.count(), LETTERS.c.recorded_at
    question = _asked(wanted, *place, count, func.min(at), func.max(at)).group_by(*place)
    with ledger.reading() as connection:
        rows = connection.execute(question.order_by(count.desc(), *place)).all()
    return [Heap(*row) for row in rows]


def actions(ledger: Ledger, dead_letter_id: str) -> list[Action]:
    """Return what was done about a letter, as it happened."""
    columns = [column for column in ACTIONS.c if column is not ACTIONS.c.action_id]
    question = select(*columns).where(ACTIONS.c.dead_letter_id == dead_letter_id)
    with ledger.reading() as connection:
        rows = connection.execute(question.order_by(ACTIONS.c.action_id)).mappings()
        return [Action(**row) for row in rows]


def note(ledger: Ledger, done: Iterable[tuple[Letter, Action]]) -> None:
    """Write down what was done, all or nothing.

    Raises:
        LedgerAway: nothing was written.
    """
    now = datetime.now(UTC)
    rows = [
        vars(action)
        | {"recorded_at": now, "upload_id": letter.upload_id, "track_id": letter.track_id}
        for letter, action in done
    ]
    if rows:
        with ledger.transaction() as connection:
            connection.execute(insert(ACTIONS), rows)


def _standing() -> ColumnElement[str]:
    latest = (
        select(ACTIONS.c.action)
        .where(ACTIONS.c.dead_letter_id == LETTERS.c.dead_letter_id)
        .order_by(ACTIONS.c.action_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(latest, "open").label("standing")


def _replays() -> ColumnElement[int]:
    return (
        select(func.count())
        .where(ACTIONS.c.dead_letter_id == LETTERS.c.dead_letter_id)
        .where(ACTIONS.c.action == "replayed")
        .scalar_subquery()
        .label("replays")
    )


def _asked(wanted: Wanted, *columns: Any) -> Select[Any]:
    question = select(*columns)
    same = {
        LETTERS.c.source: wanted.topic and wanted.topic.removesuffix(".dead"),
        LETTERS.c.processor: wanted.processor,
        LETTERS.c.reason: wanted.reason,
        LETTERS.c.upload_id: wanted.upload_id,
        LETTERS.c.track_id: wanted.track_id,
        _standing(): wanted.standing,
    }
    for column, value in same.items():
        if value is not None:
            question = question.where(column == value)
    if wanted.ids:
        question = question.where(LETTERS.c.dead_letter_id.in_(wanted.ids))
    if wanted.since is not None:
        question = question.where(LETTERS.c.recorded_at >= wanted.since)
    if wanted.until is not None:
        question = question.where(LETTERS.c.recorded_at < wanted.until)
    return question


def _letter(row: dict[str, Any]) -> Letter:
    said: Sequence[tuple[str, str]] = orjson.loads(row["headers"])
    return Letter(**row | {"headers": tuple((name, b64decode(value)) for name, value in said)})
