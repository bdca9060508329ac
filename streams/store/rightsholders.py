"""Rows of rightsholders and of what they ask for; the entries and recordings that are theirs."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, tuple_, update

from streams.contract.records.rights import RightsChanged
from streams.contract.vocabulary import NEUTRAL
from streams.policy.registry import Key
from streams.store.account_tables import ARTIST_LINKS, AUDIT, RIGHTS_REQUESTS, RIGHTSHOLDERS
from streams.store.cursors import Part, part
from streams.store.database import Ledger, chunks, count, parsed
from streams.store.decision_order import place_of
from streams.store.tables import DECISIONS, RIGHTS, SUBJECTS, UPLOADS

REQUESTS: Final = RIGHTS_REQUESTS.c
LATEST: Final = (REQUESTS.made_at.desc(), REQUESTS.request_id.desc())
BY_ID: Final = (RIGHTSHOLDERS.c.since.desc(), RIGHTSHOLDERS.c.rightsholder_id.desc())
HOLDING: Final = ("availability", "monetisation", "profile")  # dimensions that hold a track back


def put(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a rightsholder, or change what is stored about one."""
    known = update(RIGHTSHOLDERS).filter_by(rightsholder_id=row["rightsholder_id"])
    changed = {name: row[name] for name in ("name", "subject", "set_by")}
    if not connection.execute(known.values(changed)).rowcount:
        connection.execute(insert(RIGHTSHOLDERS).values(row))


def find(connection: Connection, rightsholder_id: str) -> Any:
    """Return the row of a rightsholder, or None."""
    question = select(RIGHTSHOLDERS).filter_by(rightsholder_id=rightsholder_id)
    return connection.execute(question).one_or_none()


def listed(ledger: Ledger, cursor: str | None, limit: int, *, search: str = "") -> Part[RowMapping]:
    """Return rightsholders, latest first; ``search``: in their name or the party's id."""
    question = select(*RIGHTSHOLDERS.c)
    if search:
        columns = RIGHTSHOLDERS.c.name, RIGHTSHOLDERS.c.party_id
        question = question.where(or_(*(one.icontains(search, autoescape=True) for one in columns)))
    with ledger.reading() as connection:
        return part(connection, question, BY_ID, cursor, limit)


def names(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """Return the names of rightsholders, by id."""
    columns = RIGHTSHOLDERS.c.rightsholder_id, RIGHTSHOLDERS.c.name
    known: dict[str, str] = {}
    for some in chunks(ids):
        rows = connection.execute(select(*columns).where(columns[0].in_(some)))
        known.update((row.rightsholder_id, row.name) for row in rows)
    return known


def remove(connection: Connection, rightsholder_id: str) -> int:
    """Delete a rightsholder with their links and requests; return how many rows that were."""
    return sum(
        connection.execute(delete(table).filter_by(rightsholder_id=rightsholder_id)).rowcount
        for table in (ARTIST_LINKS, RIGHTS_REQUESTS, RIGHTSHOLDERS)
    )


def links_of(connection: Connection, rightsholder_id: str) -> Sequence[Any]:
    """Return the rows of the links of a rightsholder, in the order in which they were made."""
    question = select(ARTIST_LINKS).filter_by(rightsholder_id=rightsholder_id)
    return connection.execute(question.order_by(ARTIST_LINKS.c.created_at)).all()


def audited(connection: Connection, subjects: Collection[str]) -> Sequence[Any]:
    """Return the entries of the audit log about these subjects, in order."""
    rows: list[Any] = []
    for ids in chunks(subjects):
        rows += connection.execute(select(AUDIT).where(AUDIT.c.subject.in_(ids))).all()
    return sorted(rows, key=lambda row: row.sequence)


def add_request(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a request."""
    connection.execute(insert(RIGHTS_REQUESTS).values(row))


def find_request(connection: Connection, request_id: str) -> Any:
    """Return the row of a request, or None."""
    return connection.execute(
        select(RIGHTS_REQUESTS).filter_by(request_id=request_id)
    ).one_or_none()


def requests_of(connection: Connection, rightsholder_id: str) -> Sequence[Any]:
    """Return the requests of a rightsholder, latest first."""
    question = select(RIGHTS_REQUESTS).filter_by(rightsholder_id=rightsholder_id)
    return connection.execute(question.order_by(*LATEST)).all()


def count_requests(connection: Connection, rightsholder_id: str, state: str) -> int:
    """Return how many requests of a rightsholder have a state."""
    own = REQUESTS.rightsholder_id == rightsholder_id
    return count(connection, RIGHTS_REQUESTS, own, REQUESTS.state == state)


def requests(
    ledger: Ledger, states: Collection[str], cursor: str | None, limit: int
) -> Part[RowMapping]:
    """Return requests that have one of these states, latest first."""
    question = select(*REQUESTS).where(REQUESTS.state.in_(states))
    with ledger.reading() as connection:
        return part(connection, question, LATEST, cursor, limit)


def change_request(
    connection: Connection, request_id: str, was: Collection[str], **values: Any
) -> bool:
    """Change a request; return False where its state is none of ``was``."""
    own = update(RIGHTS_REQUESTS).where(REQUESTS.request_id == request_id, REQUESTS.state.in_(was))
    return connection.execute(own.values(values)).rowcount > 0


def remove_drafts(connection: Connection, before: datetime, *, link_id: str = "") -> int:
    """Delete the drafts (of a link) that were not confirmed since a moment; return how many."""
    old = delete(RIGHTS_REQUESTS).where(REQUESTS.state == "draft", REQUESTS.made_at < before)
    if link_id:
        old = old.where(REQUESTS.link_id == link_id)
    return connection.execute(old).rowcount


def entries_of(connection: Connection, party_id: str) -> list[RightsChanged]:
    """Return the newest versions of the registry's entries that a party grants."""
    return [
        versions[-1]
        for versions in histories(connection, party_id)
        if versions[-1].entry is not None and versions[-1].entry.grantor.party_id == party_id
    ]


def histories(connection: Connection, party_id: str) -> list[list[RightsChanged]]:
    """Return all versions of the entries of which any names a party as its grantor.

    Found by the text of the records, which are JSON of any producer, and then read.
    """
    texts = {orjson.dumps(party_id).decode(), json.dumps(party_id)}
    named = or_(*(RIGHTS.c.record.contains(text, autoescape=True) for text in texts))
    ids = set(connection.scalars(select(RIGHTS.c.entry_id).where(named)))
    by_id: dict[str, list[RightsChanged]] = {}
    for some in chunks(ids):
        question = select(RIGHTS.c.record).where(RIGHTS.c.entry_id.in_(some))
        for change in parsed(connection, RightsChanged, question):
            by_id.setdefault(change.entry_id, []).append(change)
    ordered = [sorted(by_id[one], key=lambda change: change.version) for one in sorted(by_id)]
    return [
        versions
        for versions in ordered
        if any(one.entry and one.entry.grantor.party_id == party_id for one in versions)
    ]


def versions(connection: Connection, entry_ids: Collection[str]) -> dict[str, RightsChanged]:
    """Return the newest versions of entries, by id."""
    newest: dict[str, RightsChanged] = {}
    for some in chunks(entry_ids):
        question = select(RIGHTS.c.record).where(RIGHTS.c.entry_id.in_(some))
        for change in parsed(connection, RightsChanged, question):
            before = newest.get(change.entry_id)
            if before is None or before.version < change.version:
                newest[change.entry_id] = change
    return newest


def uploads_of(connection: Connection, isrcs: Collection[str], limit: int) -> list[Any]:
    """Return ids, ISRC, title and time of the uploads with these ISRCs, the first one first."""
    names = ("upload_id", "track_id", "isrc", "title", "uploaded_at")
    columns = [UPLOADS.c[name] for name in names]
    rows: list[Any] = []
    for some in chunks(isrcs):
        question = select(*columns).where(UPLOADS.c.isrc.in_(some)).limit(limit)
        rows += connection.execute(question).all()
    return sorted(rows, key=lambda row: (row.uploaded_at, row.upload_id))[:limit]


def isrcs_of(connection: Connection, track_ids: Collection[str]) -> dict[str, str]:
    """Return the ISRCs of tracks, where their uploads name one."""
    isrcs: dict[str, str] = {}
    for some in chunks(track_ids):
        columns = UPLOADS.c.track_id, UPLOADS.c.isrc
        rows = select(*columns).where(UPLOADS.c.track_id.in_(some), UPLOADS.c.isrc.is_not(None))
        isrcs.update((row.track_id, row.isrc) for row in connection.execute(rows))
    return isrcs


def counts_by_key(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Return how many tracks each name leads to."""
    counts: dict[Key, int] = {}
    columns = SUBJECTS.c.kind, SUBJECTS.c.name
    for some in chunks(set(keys)):
        total = func.count(SUBJECTS.c.track_id.distinct()).label("total")
        question = select(*columns, total).where(tuple_(*columns).in_(some)).group_by(*columns)
        for row in connection.execute(question):
            counts[row.kind, row.name] = row.total
    return counts


def tracks_by_key(connection: Connection, keys: Iterable[Key], limit: int) -> dict[Key, set[str]]:
    """Return the tracks that each name leads to; at most ``limit`` rows are read."""
    tracks: dict[Key, set[str]] = {}
    for some in chunks(set(keys)):
        named = tuple_(SUBJECTS.c.kind, SUBJECTS.c.name).in_(some)
        columns = SUBJECTS.c.kind, SUBJECTS.c.name, SUBJECTS.c.track_id
        for row in connection.execute(select(*columns).where(named).limit(limit)):
            tracks.setdefault((row.kind, row.name), set()).add(row.track_id)
    return tracks


def held(connection: Connection, track_ids: Collection[str]) -> set[str]:
    """Return the tracks that their current decision holds back."""
    names = ("track_id", "decision_id", "uploaded_at", "recorded_at", *HOLDING)
    current: dict[str, Any] = {}
    for some in chunks(track_ids):
        columns = [DECISIONS.c[name] for name in names]
        for row in connection.execute(select(*columns).where(DECISIONS.c.track_id.in_(some))):
            before = current.get(row.track_id)
            if before is None or place_of(before) < place_of(row):
                current[row.track_id] = row
    return {
        track
        for track, row in current.items()
        if any(getattr(row, name) != NEUTRAL[name] for name in HOLDING)
    }
