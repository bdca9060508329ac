"""What a change of the rights registry would change: a back-test of the policy in force over it.

The tracks that the changed entries may be about are decided once more as if these held already. The
result is compared with their current decisions. Nothing is stored.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time
from itertools import islice
from typing import Final

from pydantic import BaseModel

from streams.contract.records.rights import RightsChanged
from streams.policy.bundle import Bundle
from streams.policy.registry import keys_of_entry
from streams.services.policies.backtest import backtest
from streams.store import reopening, rightsholders
from streams.store.database import Ledger

MOST_TRACKS: Final = 500  # are decided once more; a person waits
MOST_COUNTED: Final = 10_000


class Flips(BaseModel):
    """How many tracks would have another value of a dimension."""

    dimension: str
    before: str
    after: str
    territories: tuple[str, ...] = ()
    tracks: int


class Preview(BaseModel):
    """The result. ``examined`` is less than ``tracks`` where these are very many.

    ``own``: which of the rightsholder's recordings would be decided otherwise, by ISRC.
    ``track_ids``: which tracks of all; for the desk alone.
    """

    tracks: int
    examined: int
    different: int
    to_review: int
    flips: tuple[Flips, ...] = ()
    own: tuple[str, ...] = ()
    track_ids: tuple[str, ...] = ()


def preview(
    ledger: Ledger,
    bundle: Bundle,
    changes: Sequence[RightsChanged],
    recordings: Collection[str] = (),
    now: datetime | None = None,
) -> Preview:
    """Return what would change; ``recordings`` are the ISRCs of the rightsholder.

    A change that begins later is looked at as of its first day.
    """
    keys = {key for change in changes for key in keys_of_entry(change)}
    tracks = list(islice(reopening.tracks_about(ledger, keys), MOST_COUNTED))
    at = now or datetime.now(UTC)
    begins = [datetime.combine(one.entry.valid_from, time(), UTC) for one in changes if one.entry]
    report = backtest(ledger, bundle, max(at, *begins), tracks[:MOST_TRACKS], assumed=changes)
    changed = [one["track_id"] for one in report.changed if one["changes"]]
    with ledger.reading() as connection:
        isrcs = set(rightsholders.isrcs_of(connection, changed).values())
    return Preview(
        tracks=len(tracks),
        examined=report.tracks,
        different=len(changed),
        to_review=max(0, report.reviews["now"] - report.reviews["before"]),
        flips=tuple(
            Flips(dimension=flip[0], before=flip[1], after=flip[2], territories=flip[3], tracks=n)
            for flip, n in report.flips.most_common()
        ),
        own=tuple(sorted(isrcs & set(recordings))),
        track_ids=tuple(changed),
    )
