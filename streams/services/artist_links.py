"""Links by which artists reach the page about their recording, without an account.

A link opens the decision that it names, and what follows about the same upload. Nothing else.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from streams.services import signed_links
from streams.services.signed_links import ArtistLink, BadLink, LinkSigner, SignedLink
from streams.store import artist_links, audit, queries
from streams.store.database import Connection, Ledger


def make(
    ledger: Ledger,
    signer: LinkSigner,
    decision_id: str,
    *,
    by: str,
    days: int | None = None,
    distributors: Collection[str] = (),
) -> SignedLink[ArtistLink]:
    """Make a link to a decision; ``distributors``: whose decisions the maker may read (none: all).

    Raises:
        BadLink: no key, no such decision, or too many links to it.
    """
    with ledger.reading() as connection:
        decision = queries.decision_row(connection, decision_id)
    if decision is None or not queries.is_of(ledger, decision.upload_id, distributors):
        raise _no_such_decision(decision_id)
    with ledger.transaction() as connection:
        audit.lock(connection)  # of many at once, each must see those before
        return _make(connection, signer, decision_id, by, days or signer.days)


def link_for(
    ledger: Ledger, signer: LinkSigner, decision_id: str, *, by: str
) -> SignedLink[ArtistLink]:
    """Return a link to a decision, for a delivery: one that ``by`` made, if it lasts long enough.

    A delivery that is tried again sends the same link. "Long enough" is half of ``signer.days``.

    Raises:
        BadLink: as ``make``.
    """
    until = datetime.now(UTC) + timedelta(days=signer.days) / 2
    with ledger.transaction() as connection:
        audit.lock(connection)
        row = artist_links.latest_valid(connection, decision_id, by, until)
        if row is not None:
            return signer.signed(ArtistLink.of(row))
        return _make(connection, signer, decision_id, by, signer.days)


def _no_such_decision(decision_id: str) -> BadLink:
    return BadLink("no_such_decision", f"there is no decision {decision_id}")


def _make(
    connection: Connection, signer: LinkSigner, decision_id: str, by: str, days: int
) -> SignedLink[ArtistLink]:
    decision = queries.decision_row(connection, decision_id)
    if decision is None:  # erased a moment ago
        raise _no_such_decision(decision_id)
    link = ArtistLink(
        **signed_links.validity(by, days),
        decision_id=decision_id,
        upload_id=decision.upload_id,
        track_id=decision.track_id,
    )
    return signed_links.store(connection, signer, link)
