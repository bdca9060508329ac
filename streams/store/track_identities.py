"""Under which names tracks were delivered: artists, ISRC, distributor.

Deliveries of the track's owner count. Another sender cannot add names to a track by its id.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select

from streams.contract.records import UploadReceived
from streams.policy.identity import Identity
from streams.store import track_owners
from streams.store.database import chunks, parsed
from streams.store.tables import UPLOADS

MOST: Final = 2_000  # deliveries of one chunk of tracks, the latest


def identities(
    connection: Connection, track_ids: Collection[str]
) -> Mapping[str, Sequence[Identity]]:
    """Return the identities of each track that the ledger knows, the latest delivery first."""
    by_track: dict[str, list[Identity]] = defaultdict(list)
    for ids in chunks(set(track_ids)):
        owners = track_owners.deliverers(connection, ids)
        deliveries = (
            select(UPLOADS.c.record)
            .where(UPLOADS.c.track_id.in_(ids))
            .order_by(UPLOADS.c.recorded_at.desc(), UPLOADS.c.upload_id)
            .limit(MOST)
        )
        for received in parsed(connection, UploadReceived, deliveries):
            owner = owners.get(received.track_id, [received.upload.distributor])[0]
            identity = Identity.of(received.upload)
            if identity.deliverer == owner and identity not in by_track[received.track_id]:
                by_track[received.track_id].append(identity)
    return by_track
