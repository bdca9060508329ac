"""Lists of tracks: one statement for a page, whatever its length."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from streams.ledger.database import Ledger
from streams.ledger.tables import ANALYSES, DEAD_LETTERS, DECISIONS, UPLOADS


def contains(text: str) -> str:
    """Return the LIKE pattern (escape: a backslash) of what contains a text, as it stands."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def listed(
    ledger: Ledger,
    *,
    limit: int,
    offset: int = 0,
    condition: ColumnElement[bool] | None = None,
) -> list[dict[str, Any]]:
    """Return uploads with their latest decision or what they died of, latest first."""
    # First the ids alone, out of an index; then what is shown of these few.
    chosen = select(UPLOADS.c.upload_id)
    if condition is not None:
        chosen = chosen.where(condition)
    latest_first = (UPLOADS.c.recorded_at.desc(), UPLOADS.c.upload_id.desc())
    ids = chosen.order_by(*latest_first).limit(limit).offset(offset).subquery()
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
        .order_by(page.c.recorded_at.desc(), page.c.upload_id.desc())
    )
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(question).mappings()]
