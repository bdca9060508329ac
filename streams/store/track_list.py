"""Lists and searches of uploads: one statement for a page, whatever its length."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, column, false, func, select, table, true

from streams.store import cursors
from streams.store.cursors import Part
from streams.store.database import Ledger
from streams.store.decision_order import LATEST_FIRST
from streams.store.tables import ANALYSES, DEAD_LETTERS, DECISIONS, UPLOADS

MANY: Final = 5_000  # uploads: more make a text a common one
TRIGRAM: Final = 3  # characters that a text must have for the index to help
LATEST: Final = (UPLOADS.c.recorded_at.desc(), UPLOADS.c.upload_id.desc())
# Of the index of SQLite (migration 0008): PostgreSQL's is an ordinary index on ``uploads``.
TEXTS: Final = table("upload_texts", column("upload_id"), column("upload_texts"))


def contains(text: str) -> str:
    """Return the LIKE pattern (escape: a backslash) for values that contain a text."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def has_text(ledger: Ledger, upload_id: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return the condition that the title or distributor of a row's upload contains a text.

    A rare text is looked up in the index of texts, where there is one. The uploads of a common
    text are too many to gather: rows are checked one by one, and enough are soon found.
    """
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # as it is stored
    like = contains(text)
    fits = UPLOADS.c.title.ilike(like, escape="\\") | UPLOADS.c.distributor.ilike(like, escape="\\")
    uploads = select(UPLOADS.c.upload_id).where(fits)
    if ledger.engine.dialect.name == "sqlite" and len(text) >= TRIGRAM:
        phrase = '"' + text.replace('"', '""') + '"'
        uploads = select(TEXTS.c.upload_id).where(TEXTS.c.upload_texts.op("MATCH")(phrase))
    with ledger.reading() as connection:
        count = select(func.count()).select_from(uploads.limit(MANY).subquery())
        if connection.execute(count).scalar_one() < MANY:
            return upload_id.in_(uploads)
    if upload_id is UPLOADS.c.upload_id:
        return fits
    # Not EXISTS: PostgreSQL would gather all of them after all.
    row = select(true()).where(UPLOADS.c.upload_id == upload_id, fits)
    return func.coalesce(row.scalar_subquery(), false())


def search(ledger: Ledger, text: str, *, limit: int, cursor: str | None = None) -> Part[RowMapping]:
    """Return uploads with this text as id, title or distributor; may raise ``BadCursor``."""
    if not text:
        return uploads(ledger, limit=limit, cursor=cursor)
    isrc = text.upper().replace("-", "")
    for named in (UPLOADS.c.track_id == text, UPLOADS.c.upload_id == text, UPLOADS.c.isrc == isrc):
        part = uploads(ledger, limit=limit, cursor=cursor, condition=named)
        if part.rows:  # an exact name spares the search in titles
            return part
    contained = has_text(ledger, UPLOADS.c.upload_id, text)
    return uploads(ledger, limit=limit, cursor=cursor, condition=contained)


def uploads(
    ledger: Ledger,
    *,
    limit: int,
    cursor: str | None = None,
    condition: ColumnElement[bool] | None = None,
) -> Part[RowMapping]:
    """Return the latest uploads with decision or dead letter; may raise ``BadCursor``."""
    # First the ids alone, out of an index; then the columns of these few.
    chosen = select(UPLOADS.c.recorded_at, UPLOADS.c.upload_id)
    if condition is not None:
        chosen = chosen.where(condition)
    with ledger.reading() as connection:
        ids = cursors.part(connection, chosen, LATEST, cursor, limit)
        question = _details([row["upload_id"] for row in ids.rows])
        return ids.of(list(connection.execute(question).mappings()))


def _details(listed: Sequence[str]) -> Select[Any]:
    """Return the query of uploads with their latest decision or dead letter."""
    place = func.row_number().over(partition_by=DECISIONS.c.upload_id, order_by=LATEST_FIRST)
    latest = (
        select(
            *(DECISIONS.c.upload_id, DECISIONS.c.analysis_id, DECISIONS.c.outcome),
            *(DECISIONS.c.extent, DECISIONS.c.source, DECISIONS.c.review_task_id),
            place.label("place"),
        )
        .where(DECISIONS.c.upload_id.in_(listed))
        .subquery()
    )
    failed = (
        select(DEAD_LETTERS.c.upload_id, func.max(DEAD_LETTERS.c.reason).label("reason"))
        .where(DEAD_LETTERS.c.upload_id.in_(listed))
        .group_by(DEAD_LETTERS.c.upload_id)
        .subquery()
    )
    return (
        select(
            *(UPLOADS.c.upload_id, UPLOADS.c.track_id, UPLOADS.c.title, UPLOADS.c.distributor),
            *(UPLOADS.c.contains_ai, UPLOADS.c.recorded_at, latest),
            *(ANALYSES.c.probability, failed.c.reason),
        )
        .outerjoin(latest, (latest.c.upload_id == UPLOADS.c.upload_id) & (latest.c.place == 1))
        .outerjoin(
            ANALYSES,
            (ANALYSES.c.analysis_id == latest.c.analysis_id)
            & (ANALYSES.c.upload_id == UPLOADS.c.upload_id),
        )
        .outerjoin(failed, failed.c.upload_id == UPLOADS.c.upload_id)
        .where(UPLOADS.c.upload_id.in_(listed))
        .order_by(*LATEST)
    )
