"""Requests of rightsholders, and the desk that decides them: approve or refuse.

The entries of a choice go to ``rights.changed`` in the transaction that ends it. How a request is
made: ``rights_drafts``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import orjson

from streams.contract import topics
from streams.contract.records.rights import RightsChanged
from streams.contract.translations import N_
from streams.policy.bundle import Bundle
from streams.services import rights_choices, rightsholders
from streams.services.rights_choices import BadChoice, Choice
from streams.services.rights_preview import Preview, preview
from streams.store import appeal_files as file_store
from streams.store import audit, outbox
from streams.store import rightsholders as store
from streams.store.database import Connection, Ledger

State = Literal["draft", "waiting", "in_force", "refused", "withdrawn"]
OPEN: Final = ("draft", "waiting")
DRAFT_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True)
class RightsRequest:
    """A request as it stands; an erasure has no choice."""

    request_id: str
    rightsholder_id: str
    link_id: str
    kind: Literal["choice", "erasure"]
    state: State
    choice: Choice | None
    preview: Preview | None
    proof: str
    made_at: datetime
    changed_at: datetime
    decided_by: str | None
    reasons: str | None
    entries: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, row: Any) -> "RightsRequest":
        """Return the request of a row."""
        read: dict[str, Any] = {
            "choice": row.choice and Choice.model_validate_json(row.choice),
            "preview": row.preview and Preview.model_validate_json(row.preview),
            "entries": tuple((one, version) for one, version in orjson.loads(row.entries or "[]")),
        }
        names = cls.__annotations__.keys() - read.keys()
        return cls(**{name: getattr(row, name) for name in names}, **read)


def approve(ledger: Ledger, request_id: str, *, by: str) -> RightsRequest:
    """Approve a choice that waits: its entries are published. Audited.

    Raises:
        BadChoice: there is no such choice, or it does not wait (any more).
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        audit.lock(connection)
        request = _waiting(connection, request_id)
        if request.kind != "choice":
            detail = N_("An erasure is not approved, but done: see its page.")
            raise BadChoice("no_such_choice", detail)
        publish(connection, request, by=by, now=now, verified=True)
        return find(connection, request_id)


def refuse(ledger: Ledger, request_id: str, reasons: str, *, by: str) -> RightsRequest:
    """Refuse a request that waits, with reasons that the rightsholder reads. Audited.

    Raises:
        BadChoice: there is no such request, it does not wait (any more), or reasons are missing.
    """
    reasons = reasons.strip()[: rights_choices.MOST_TEXT]
    if not reasons:
        raise BadChoice("no_statement", N_("Write in a few words why."))
    with ledger.transaction() as connection:
        audit.lock(connection)
        request = _waiting(connection, request_id)
        changed = {"decided_by": by, "reasons": reasons}
        move(connection, request, "refused", datetime.now(UTC), **changed)
        note(connection, by, "rights_request_refused", request)
        return find(connection, request_id)


def find(connection: Connection, request_id: str) -> RightsRequest:
    """Return a request.

    Raises:
        BadChoice: there is none.
    """
    row = store.find_request(connection, request_id)
    if row is None:
        raise no_such_request()
    return RightsRequest.of(row)


def preview_of(ledger: Ledger, bundle: Bundle, request: RightsRequest) -> Preview | None:
    """Return what a choice would change as of now, for the desk; None for an erasure."""
    if request.choice is None:
        return None
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        holder = rightsholders.find(connection, request.rightsholder_id)
        theirs, _ = rightsholders.holdings(connection, holder)
        changes = _changes(connection, request, by="preview", now=now, verified=True)
    return preview(ledger, bundle, changes, theirs.recording, now)


def clean(ledger: Ledger) -> int:
    """Remove the drafts that were not confirmed for ``DRAFT_KEPT``; return how many."""
    with ledger.transaction() as connection:
        return store.remove_drafts(connection, datetime.now(UTC) - DRAFT_KEPT)


def publish(
    connection: Connection, request: RightsRequest, *, by: str, now: datetime, verified: bool
) -> None:
    """Publish the entries of a choice, which is in force then; in the caller's transaction.

    Raises:
        BadChoice: it is not possible any more.
    """
    changes = _changes(connection, request, by=by, now=now, verified=verified)
    for change in changes:
        if not outbox.publish(connection, topics.RIGHTS_CHANGED, change):
            raise BadChoice(
                "changed_meanwhile", N_("Something has just changed. Please try again.")
            )
    entries = orjson.dumps([(one.entry_id, one.version) for one in changes]).decode()
    move(connection, request, "in_force", now, decided_by=by, entries=entries)
    note(connection, by, "rights_choice_approved" if verified else "rights_choice_made", request)


def _changes(
    connection: Connection, request: RightsRequest, *, by: str, now: datetime, verified: bool
) -> Sequence[RightsChanged]:
    holder = rightsholders.find(connection, request.rightsholder_id)
    choice = request.choice
    theirs, _ = rightsholders.holdings(connection, holder)
    if choice is None or theirs.find(choice.kind, choice.name) is None:
        raise BadChoice("not_theirs", N_("Choose one of the things that are listed as yours."))
    known = store.versions(connection, rights_choices.entry_ids(choice, holder.rightsholder_id))
    rows = file_store.of_owner(connection, {"rightsholder_id": holder.rightsholder_id})
    files = [row.sha256 for row in rows if row.appeal_id == request.request_id]
    evidence = rights_choices.evidence_of(request.proof, files)
    return rights_choices.changes_of(
        *(choice, holder, known), by=by, at=now, evidence=evidence, verified=verified
    )


def _waiting(connection: Connection, request_id: str) -> RightsRequest:
    request = find(connection, request_id)
    if request.state != "waiting":
        raise BadChoice("changed_meanwhile", N_("Something has just changed. Please try again."))
    return request


def no_such_request() -> BadChoice:
    """Return the error for a request that is not there, or not theirs."""
    return BadChoice("no_such_request", N_("There is no such request, or not any more."))


def move(
    connection: Connection, request: RightsRequest, state: State, now: datetime, **more: Any
) -> None:
    """Bring a request into another state."""
    store.change_request(
        connection, request.request_id, (request.state,), state=state, changed_at=now, **more
    )


def note(connection: Connection, by: str, action: str, request: RightsRequest) -> None:
    """Audit an action on a request."""
    about = {"rightsholder": request.rightsholder_id}
    audit.append(connection, audit.Entry(by, action, request.request_id, about))
