"""Whose a track id is: of whom the platform gave it to, else of the first decoded delivery.

Times of our own records count. A sender chooses the time of a delivery, and a delivery without
audio claims nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

import orjson
from sqlalchemy import Connection, func, select

from streams.store.account_tables import AUDIT
from streams.store.tables import ANALYSES, UPLOADS

GIVEN: Final = "track_id_given"  # the action of the audit log; its detail has the distributor


def deliverers(
    connection: Connection, track_ids: Collection[str]
) -> Mapping[str, list[str | None]]:
    """Return the distributors of each track with a decoded delivery, its owner first."""
    names = ANALYSES.c.track_id, UPLOADS.c.distributor
    decoded = (
        select(*names)
        .join(UPLOADS, UPLOADS.c.upload_id == ANALYSES.c.upload_id)
        .where(ANALYSES.c.track_id.in_(track_ids))
        .group_by(*names)
        .order_by(func.min(ANALYSES.c.recorded_at), UPLOADS.c.distributor)
    )
    by_track: dict[str, list[str | None]] = defaultdict(list)
    for track_id, distributor in connection.execute(decoded):
        by_track[track_id].append(distributor)
    gifts = select(AUDIT.c.subject, AUDIT.c.detail).where(
        AUDIT.c.subject.in_(track_ids), AUDIT.c.action == GIVEN
    )
    for track_id, detail in connection.execute(gifts.order_by(AUDIT.c.sequence)):
        owner = orjson.loads(detail)["distributor"]
        by_track[track_id] = [owner, *(name for name in by_track[track_id] if name != owner)]
    return by_track


def is_foreign(connection: Connection, track_id: str, distributors: Collection[str]) -> bool:
    """Return whether a track id is of another than these distributors."""
    owner = deliverers(connection, [track_id]).get(track_id, [*distributors])[0]
    return owner is None or owner not in distributors
