"""What a rightsholder asks for by their link: a choice, shown and then confirmed; an erasure.

A choice begins as a draft, with what it would change. Confirmed, it waits for a desk, or takes
effect at once where ``EARMARK_RIGHTS_APPROVAL`` is off. An erasure always waits for a desk.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.contract.translations import N_
from streams.policy.bundle import Bundle
from streams.services import rights_choices, rightsholders
from streams.services.accounts.tokens import new_id
from streams.services.appeal_files import AppealFile
from streams.services.rights_choices import BadChoice, Choice
from streams.services.rights_preview import preview
from streams.services.rights_requests import (
    DRAFT_KEPT,
    OPEN,
    RightsRequest,
    State,
    find,
    move,
    no_such_request,
    note,
    publish,
)
from streams.services.signed_links import RightsholderLink
from streams.store import appeal_files as file_store
from streams.store import audit
from streams.store import rightsholders as store
from streams.store.database import Connection, Ledger

MOST_WAITING: Final = 20  # of one rightsholder
MOST_A_DAY: Final = 100


def draft(
    ledger: Ledger, bundle: Bundle, link: RightsholderLink, choice: Choice, proof: str
) -> RightsRequest:
    """Make a draft of a choice, with what it would change; it takes the place of an earlier one.

    Raises:
        BadChoice: the proof of authority is missing, or the choice is not possible.
    """
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        holder = rightsholders.find(connection, link.rightsholder_id)
        theirs, _ = rightsholders.holdings(connection, holder)
        known = store.versions(connection, rights_choices.entry_ids(choice, holder.rightsholder_id))
        files = _unsent(connection, link)
    if not proof.strip() and not files:
        detail = N_("Say why you may decide this, or hand in a file that shows it.")
        raise BadChoice("no_proof", detail)
    changes = rights_choices.changes_of(choice, holder, known, by=link.link_id, at=now)
    shown = preview(ledger, bundle, changes, theirs.recording, now)
    row = _row(link, "choice", "draft", proof, now)
    row |= {"choice": choice.model_dump_json(), "preview": shown.model_dump_json()}
    about = {"tracks": shown.tracks, "different": shown.different, "request": row["request_id"]}
    entry = audit.Entry(link.link_id, "rights_choice_previewed", link.rightsholder_id, about)
    with audit.transaction(ledger, entry) as connection:
        audit.lock(connection)
        rightsholders.find(connection, link.rightsholder_id)  # erased a moment ago
        store.remove_drafts(connection, now + DRAFT_KEPT, link_id=link.link_id)
        store.add_request(connection, row)
        return find(connection, row["request_id"])


def take_back(ledger: Ledger, link: RightsholderLink, entry_id: str) -> Choice:
    """Return the choice that takes an earlier one back.

    Raises:
        BadChoice: there is no such choice of theirs.
    """
    with ledger.reading() as connection:
        before = store.versions(connection, [entry_id]).get(entry_id)
    if (
        before is None
        or before.entry is None
        or not rights_choices.is_choice(before, link.rightsholder_id)
    ):
        raise BadChoice("no_such_choice", N_("There is no such choice, or not any more."))
    kind, name = rights_choices.about_of(before)
    return Choice.model_validate(
        {
            **{"kind": kind, "name": name, "permission": "take_back", "entry_id": entry_id},
            "uses": rights_choices.chosen_of(before.entry),
            "territories": before.entry.territories,
            "valid_from": before.entry.valid_from,
            "valid_until": before.entry.valid_until,
        }
    )


def confirm(
    ledger: Ledger, link: RightsholderLink, request_id: str, *, approval: bool
) -> RightsRequest:
    """Confirm a draft: it waits for a desk (``approval``), or takes effect at once.

    Raises:
        BadChoice: there is no such draft, it is not possible any more, or too many wait.
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        audit.lock(connection)
        request = _own(connection, link, request_id, ("draft",))
        _check_room(connection, link)
        files = _unsent(connection, link)
        file_store.attach(connection, [one.file_id for one in files], request_id)
        if approval:
            move(connection, request, "waiting", now)
            note(connection, link.link_id, "rights_choice_confirmed", request)
        else:
            publish(connection, request, by=link.link_id, now=now, verified=False)
        return find(connection, request_id)


def withdraw(ledger: Ledger, link: RightsholderLink, request_id: str) -> RightsRequest:
    """Take an own request back before a desk has decided it.

    Raises:
        BadChoice: there is no such open request.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)
        request = _own(connection, link, request_id, OPEN)
        move(connection, request, "withdrawn", datetime.now(UTC))
        note(connection, link.link_id, "rights_request_withdrawn", request)
        return find(connection, request_id)


def ask_erasure(ledger: Ledger, link: RightsholderLink, why: str) -> RightsRequest:
    """Ask a desk to erase what is held about a rightsholder (GDPR, Article 17).

    Raises:
        BadChoice: such a request waits already, or too many do.
    """
    now = datetime.now(UTC)
    row = _row(link, "erasure", "waiting", why, now)
    with ledger.transaction() as connection:
        audit.lock(connection)
        rightsholders.find(connection, link.rightsholder_id)
        _check_room(connection, link)
        own = [RightsRequest.of(one) for one in store.requests_of(connection, link.rightsholder_id)]
        if any(one.kind == "erasure" and one.state == "waiting" for one in own):
            raise BadChoice("already_open", N_("You have asked for it already."))
        store.add_request(connection, row)
        request = find(connection, row["request_id"])
        note(connection, link.link_id, "rightsholder_erasure_requested", request)
        return request


def _row(
    link: RightsholderLink, kind: str, state: State, proof: str, now: datetime
) -> dict[str, Any]:
    return {
        "request_id": new_id("rrq"),
        "rightsholder_id": link.rightsholder_id,
        "link_id": link.link_id,
        "kind": kind,
        "state": state,
        "proof": proof.strip()[: rights_choices.MOST_TEXT],
        "made_at": now,
        "changed_at": now,
    }


def _own(
    connection: Connection, link: RightsholderLink, request_id: str, states: Sequence[str]
) -> RightsRequest:
    request = find(connection, request_id)
    if request.rightsholder_id != link.rightsholder_id or request.state not in states:
        raise no_such_request()
    return request


def _check_room(connection: Connection, link: RightsholderLink) -> None:
    waiting = store.count_requests(connection, link.rightsholder_id, "waiting")
    since = datetime.now(UTC) - timedelta(days=1)
    today = [row for row in store.requests_of(connection, link.rightsholder_id)
             if row.state != "draft" and row.made_at > since]  # fmt: skip
    if waiting >= MOST_WAITING or len(today) >= MOST_A_DAY:
        detail = N_("Too many of your requests wait already. Wait until they are decided.")
        raise BadChoice("too_many_open", detail)


def _unsent(connection: Connection, link: RightsholderLink) -> list[AppealFile]:
    rows = file_store.of_owner(connection, link.owner)
    return [AppealFile.of(row) for row in rows if row.appeal_id is None]
