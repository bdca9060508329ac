"""Giving a track id to a distributor, where another one has delivered under it first."""

from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from detector.errors import SingleReason
from streams.contract.records import Identifier, faults
from streams.store import audit, track_owners
from streams.store.database import Ledger

ID: Final[TypeAdapter[str]] = TypeAdapter(Identifier)


class BadTrackId(SingleReason, reason="bad_track_id"):
    """A track id or a distributor that none can have."""


def give(ledger: Ledger, track_id: str, distributor: str, by: str) -> None:
    """Give a track id to a distributor; it holds for uploads and decisions from now on.

    Raises:
        BadTrackId: an invalid track id or distributor.
    """
    try:
        subject, owner = ID.validate_python(track_id), ID.validate_python(distributor)
    except ValidationError as error:
        raise BadTrackId("; ".join(faults(error))) from error
    details: dict[str, Any] = {"distributor": owner}
    with audit.transaction(ledger, audit.Entry(by, track_owners.GIVEN, subject, details)):
        pass
