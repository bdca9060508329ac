"""Dead letters in the ledger, their status, and the actions on them.

A replay reads the ledger: it stores the exact bytes under an id for longer than any topic. Each
dead letter is open until an operator replays or drops it. Both are rows of their own (who, when,
why), and nothing is deleted. A replayed message that fails again becomes a new, open dead letter;
its headers name the replay.
"""

from base64 import b64decode
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, RowMapping, Select, func, insert, select

from detector.errors import BadInput
from streams.contract import dead_letters
from streams.store import cursors
from streams.store.cursors import Part
from streams.store.database import Ledger
from streams.store.tables import DEAD_LETTER_ACTIONS as ACTIONS
from streams.store.tables import DEAD_LETTERS as LETTERS

LATEST: Final = (LETTERS.c.recorded_at.desc(), LETTERS.c.dead_letter_id.desc())
_DONE: Final = ACTIONS.c.dead_letter_id == LETTERS.c.dead_letter_id
_LAST: Final = select(ACTIONS.c.action).where(_DONE).order_by(ACTIONS.c.action_id.desc()).limit(1)
_REPLAYS: Final = select(func.count()).where(_DONE, ACTIONS.c.action == "replayed")
STATUS: Final = func.coalesce(_LAST.scalar_subquery(), "open").label("status")
WHOLE: Final = (*LETTERS.c, STATUS, _REPLAYS.scalar_subquery().label("replays"))
DeadLetterStatus = Literal["open", "replayed", "dropped"]


class NoSuchDeadLetter(BadInput):
    """The ledger has no dead letter of this id."""


@dataclass(frozen=True)
class DeadLetterFilter:
    """A filter of dead letters; an empty field matches all."""

    ids: tuple[str, ...] = ()
    topic: str | None = None
    processor: str | None = None
    reason: str | None = None
    upload_id: str | None = None
    track_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    status: str | None = None

    @property
    def matches_all(self) -> bool:
        """Return whether only the status narrows the filter."""
        return self == DeadLetterFilter(status=self.status)


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter with everything that a replay needs, and its status."""

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
    status: DeadLetterStatus
    replays: int  # of this dead letter; its headers count earlier ones

    @property
    def attempts(self) -> int:
        """How often the message was replayed, earlier dead letters included."""
        return dead_letters.attempts(self.headers) + self.replays


@dataclass(frozen=True)
class Action:
    """A replay or drop of a dead letter."""

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
class DeadLetterGroup:
    """Dead letters of one source, processor and reason."""

    source: str
    processor: str
    reason: str
    count: int
    oldest: datetime | None
    newest: datetime | None


def find(ledger: Ledger, filters: DeadLetterFilter, limit: int | None = None) -> list[DeadLetter]:
    """Return matching dead letters, oldest first; with a limit, the latest of them."""
    question = _select(filters, *WHOLE).order_by(*LATEST)
    with ledger.reading() as connection:
        rows = connection.execute(question.limit(limit)).mappings().all()
    return [_letter(row) for row in reversed(rows)]


def part(
    ledger: Ledger, filters: DeadLetterFilter, cursor: str | None, limit: int
) -> Part[DeadLetter]:
    """Return a part of the matching dead letters, latest first; may raise ``BadCursor``."""
    question = _select(filters, *WHOLE)
    with ledger.reading() as connection:
        page = cursors.part(connection, question, LATEST, cursor, limit, large=LETTERS.c.value)
    return page.of([_letter(row) for row in page.rows])


def get(ledger: Ledger, dead_letter_id: str) -> DeadLetter:
    """Return one dead letter.

    Raises:
        NoSuchDeadLetter: there is none of this id.
    """
    matches = find(ledger, DeadLetterFilter(ids=(dead_letter_id,)))
    if not matches:
        detail = f"the ledger has no dead letter {dead_letter_id}"
        raise NoSuchDeadLetter("no_such_letter", detail)
    return matches[0]


def groups(ledger: Ledger, filters: DeadLetterFilter) -> list[DeadLetterGroup]:
    """Return dead letters counted by place and reason, the largest group first."""
    place = (LETTERS.c.source, LETTERS.c.processor, LETTERS.c.reason)
    count, at = func.count(), LETTERS.c.recorded_at
    question = _select(filters, *place, count, func.min(at), func.max(at)).group_by(*place)
    with ledger.reading() as connection:
        rows = connection.execute(question.order_by(count.desc(), *place)).all()
    return [DeadLetterGroup(*row) for row in rows]


def actions(ledger: Ledger, dead_letter_id: str) -> list[Action]:
    """Return the actions on a dead letter, oldest first."""
    columns = [column for column in ACTIONS.c if column is not ACTIONS.c.action_id]
    question = select(*columns).where(ACTIONS.c.dead_letter_id == dead_letter_id)
    with ledger.reading() as connection:
        rows = connection.execute(question.order_by(ACTIONS.c.action_id)).mappings()
        return [Action(**row) for row in rows]


def record(connection: Connection, actions: Iterable[Action]) -> None:
    """Store actions."""
    connection.execute(insert(ACTIONS), list(map(vars, actions)))


def dropped(connection: Connection, ids: Collection[str]) -> frozenset[str]:
    """Return which of these dead letters are dropped."""
    question = select(LETTERS.c.dead_letter_id).where(LETTERS.c.dead_letter_id.in_(ids))
    return frozenset(connection.scalars(question.where(STATUS == "dropped")))


def _select(filters: DeadLetterFilter, *columns: Any) -> Select[Any]:
    same = {
        LETTERS.c.source: filters.topic and filters.topic.removesuffix(".dead"),
        LETTERS.c.processor: filters.processor,
        LETTERS.c.reason: filters.reason,
        LETTERS.c.upload_id: filters.upload_id,
        LETTERS.c.track_id: filters.track_id,
        STATUS: filters.status,
    }
    conditions = [column == value for column, value in same.items() if value is not None]
    if filters.ids:
        conditions.append(LETTERS.c.dead_letter_id.in_(filters.ids))
    if filters.since is not None:
        conditions.append(LETTERS.c.recorded_at >= filters.since)
    if filters.until is not None:
        conditions.append(LETTERS.c.recorded_at < filters.until)
    return select(*columns).where(*conditions)


def _letter(row: RowMapping) -> DeadLetter:
    headers = tuple((name, b64decode(value)) for name, value in orjson.loads(row["headers"]))
    return DeadLetter(**{**row, "headers": headers})
