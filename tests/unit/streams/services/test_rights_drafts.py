"""What rightsholders ask for by their link, on both databases."""

from datetime import timedelta

import pytest

from streams.services import rights_drafts, rights_requests
from streams.services.rights_choices import BadChoice
from streams.store import audit, rightsholders
from streams.store.database import Ledger
from tests.support.rightsholders import choice, imitation, link, waiting
from tests.support.stories import POLICY


def refused(reason: str) -> "pytest.RaisesExc[BadChoice]":
    return pytest.raises(BadChoice, check=lambda error: error.reason == reason)


def test_a_choice_is_shown_confirmed_and_waits(ledger: Ledger) -> None:
    imitation(ledger)
    opened = link(ledger)
    with refused("no_proof"):
        rights_drafts.draft(ledger, POLICY, opened, choice(), " ")
    first = rights_drafts.draft(ledger, POLICY, opened, choice("grant"), "I am Vera.")
    draft = rights_drafts.draft(ledger, POLICY, opened, choice(), "I am Vera.")
    assert draft.preview is not None
    assert (draft.state, draft.preview.different) == ("draft", 1)
    with refused("no_such_request"):  # the second one took its place
        rights_drafts.confirm(ledger, opened, first.request_id, approval=True)
    asked = rights_drafts.confirm(ledger, opened, draft.request_id, approval=True)
    assert (asked.state, asked.entries) == ("waiting", ())
    with refused("no_such_request"):
        rights_drafts.confirm(ledger, opened, draft.request_id, approval=True)
    with ledger.reading() as connection:
        assert rightsholders.entries_of(connection, "P-7") == [], "nothing happened yet"
    other = link(ledger, "P-8", voice=("X",))
    for act in (rights_drafts.withdraw,):
        with refused("no_such_request"):
            act(ledger, other, asked.request_id)
    assert rights_drafts.withdraw(ledger, opened, asked.request_id).state == "withdrawn"
    log = audit.listed(ledger, asked.request_id, None, 9).rows
    assert [row["action"] for row in log] == [
        *("rights_request_withdrawn", "rights_choice_confirmed"),
    ]


def test_without_approval_it_takes_effect_and_can_be_taken_back(ledger: Ledger) -> None:
    opened = link(ledger)
    for expected in (1, 3):
        made = rights_drafts.draft(ledger, POLICY, opened, choice(), "I am Vera.")
        done = rights_drafts.confirm(ledger, opened, made.request_id, approval=False)
        ((entry_id, version),) = done.entries
        assert (done.state, version) == ("in_force", expected)
        back = rights_drafts.take_back(ledger, opened, entry_id)
        made = rights_drafts.draft(ledger, POLICY, opened, back, "I am Vera.")
        done = rights_drafts.confirm(ledger, opened, made.request_id, approval=False)
        assert done.entries == ((entry_id, expected + 1),)
        with refused("no_such_choice"):
            rights_drafts.take_back(ledger, opened, entry_id)
    with ledger.reading() as connection:
        (entry,) = rightsholders.entries_of(connection, "P-7")
    assert entry.entry is not None
    assert (entry.entry.permission, entry.entry.verification) == ("revoked", "unverified")
    assert entry.changed_by == opened.link_id
    with refused("no_such_choice"):
        rights_drafts.take_back(ledger, link(ledger, "P-8", voice=("X",)), entry_id)


def test_an_erasure_is_asked_for_once_and_requests_have_a_bound(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = link(ledger)
    assert rights_drafts.ask_erasure(ledger, opened, "").state == "waiting"
    with refused("already_open"):
        rights_drafts.ask_erasure(ledger, opened, "")
    monkeypatch.setattr(rights_drafts, "MOST_WAITING", 2)
    waiting(ledger, opened)
    with refused("too_many_open"):
        waiting(ledger, opened)
    monkeypatch.setattr(rights_requests, "DRAFT_KEPT", timedelta(days=-1))
    assert rights_requests.clean(ledger) == 1, "what was not confirmed goes by itself"
