"""Lists of tracks: one statement for a page, whatever its length."""

from typing import Final

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    column,
    false,
    func,
    literal,
    select,
    table,
)

from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DEAD_LETTERS, DECISIONS, UPLOADS

MANY: Final = 5_000  # uploads: more make a text a common one
FEWEST: Final = 3  # letters from which an index helps: it is one of trigrams
LATEST: Final = Sorted.by((UPLOADS.c.recorded_at, True), (UPLOADS.c.upload_id, True))
# Of the index of SQLite (migration 0008): PostgreSQL's is an ordinary index on ``uploads``.
TEXTS: Final = table("upload_texts", column("upload_id"), column("upload_texts"))


def contains(text: str) -> str:
    """Return the LIKE pattern (escape: a backslash) of what contains a text, as it stands."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def has_text(ledger: Ledger, upload_id: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Return whether the title or the deliverer of a row's upload contains a text, as SQL.

    A rare text is asked of the index of texts (where there is one). A common one's uploads are
    too many to gather: they are looked at as they come, where enough are soon found.
    """
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # as it is stored
    like = contains(text)
    said = UPLOADS.c.title.ilike(like, escape="\\") | UPLOADS.c.distributor.ilike(like, escape="\\")
    found = select(UPLOADS.c.upload_id).where(said)
    if ledger.engine.dialect.name == "sqlite" and len(text) >= FEWEST:
        phrase = '"' + text.replace('"', '""') + '"'
        found = select(TEXTS.c.upload_id).where(TEXTS.c.upload_texts.op("MATCH")(phrase))
    with ledger.reading() as connection:
        some = select(func.count()).select_from(found.limit(MANY).subquery())
        if connection.execute(some).scalar_one() < MANY:
            return upload_id.in_(found)
    if upload_id is UPLOADS.c.upload_id:
        return said
    # Not EXISTS: PostgreSQL would gather all of them after all.
    mine = select(literal(True)).where(UPLOADS.c.upload_id == upload_id, said)
    return func.coalesce(mine.scalar_subquery(), false())


def listed(
    ledger: Ledger,
    *,
    limit: int,
    cursor: str | None = None,
    condition: ColumnElement[bool] | None = None,
) -> Part[RowMapping]:
    """Return uploads with their latest decision or what they died of, latest first.

    Raises:
        BadCursor: none of this list's.
    """
    # First the ids alone, out of an index; then what is shown of these few.
    chosen = select(UPLOADS.c.upload_id)
    if condition is not None:
        chosen = chosen.where(condition)
    ids = LATEST.part(chosen, cursor, limit).subquery()
    page = (
        select(
            *(UPLOADS.c.upload_id, UPLOADS.c.track_id, UPLOADS.c.title, UPLOADS.c.distributor),
            *(UPLOADS.c.contains_ai, UPLOADS.c.recorded_at),
        )
        .join(ids, ids.c.upload_id == UPLOADS.c.upload_id)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=DECISIONS.c.upload_id, order_by=DECISIONS.c.recorded_at.desc()
    )
    mine = select(page.c.upload_id)
    latest = (
        select(
            *(DECISIONS.c.upload_id, DECISIONS.c.analysis_id, DECISIONS.c.outcome),
            *(DECISIONS.c.extent, DECISIONS.c.source, DECISIONS.c.review_task_id),
            place.label("place"),
        )
        .where(DECISIONS.c.upload_id.in_(mine))
        .subquery()
    )
    died = (
        select(DEAD_LETTERS.c.upload_id, func.max(DEAD_LETTERS.c.reason).label("reason"))
        .where(DEAD_LETTERS.c.upload_id.in_(mine))
        .group_by(DEAD_LETTERS.c.upload_id)
        .subquery()
    )
    question = (
        select(page, latest, ANALYSES.c.probability, died.c.reason)
        .outerjoin(latest, (latest.c.upload_id == page.c.upload_id) & (latest.c.place == 1))
        .outerjoin(
            ANALYSES,
            (ANALYSES.c.analysis_id == latest.c.analysis_id)
            & (ANALYSES.c.upload_id == page.c.upload_id),
        )
        .outerjoin(died, died.c.upload_id == page.c.upload_id)
        .order_by(*LATEST.order(cursor, page))
    )
    with ledger.reading() as connection:
        rows = connection.execute(question).mappings().all()
    return LATEST.told(rows, cursor, limit)
