"""The desk that decides what rightsholders ask for, on both databases."""

import pytest
from sqlalchemy import select

from streams.contract import topics
from streams.contract.records.rights import RightsChanged
from streams.services import rights_drafts, rights_requests
from streams.services.rights_choices import BadChoice, evidence_of
from streams.store import audit, rightsholders
from streams.store.account_tables import OUTBOX
from streams.store.database import Ledger
from tests.support.rightsholders import VOICE, choice, imitation, link, put, waiting
from tests.support.stories import POLICY


def published(ledger: Ledger) -> list[RightsChanged]:
    with ledger.reading() as connection:
        rows = connection.execute(select(OUTBOX.c.topic, OUTBOX.c.value)).all()
    assert {row.topic for row in rows} <= {topics.RIGHTS_CHANGED}
    return [RightsChanged.model_validate_json(bytes(row.value)) for row in rows]


def test_what_is_approved_goes_to_the_registry_with_its_proof(ledger: Ledger) -> None:
    imitation(ledger)
    asked = waiting(ledger, link(ledger))
    assert published(ledger) == []
    seen = rights_requests.preview_of(ledger, POLICY, asked)
    assert seen is not None
    assert (seen.different, seen.track_ids) == (1, ("T-V",))
    done = rights_requests.approve(ledger, asked.request_id, by="usr_1")
    (change,) = published(ledger)
    assert done.entries == ((change.entry_id, 1),)
    assert (done.state, done.decided_by, change.changed_by) == ("in_force", "usr_1", "usr_1")
    entry = change.entry
    assert entry is not None
    assert (entry.permission, entry.verification) == ("opt_out", "verified")
    assert entry.grantor.authority_evidence_sha256 == evidence_of("I am Vera.", [])
    with ledger.reading() as connection:
        assert rightsholders.entries_of(connection, "P-7") == [change], "with its row at once"
    for act in (rights_requests.approve,):
        with pytest.raises(BadChoice):
            act(ledger, asked.request_id, by="usr_2")
    (last, *_) = audit.listed(ledger, asked.request_id, None, 9).rows
    assert (last["actor"], last["action"]) == ("usr_1", "rights_choice_approved")
    assert len(published(ledger)) == 1


def test_what_is_refused_has_reasons_and_no_effect(ledger: Ledger) -> None:
    opened = link(ledger)
    asked = waiting(ledger, opened)
    with pytest.raises(BadChoice):
        rights_requests.refuse(ledger, asked.request_id, "  ", by="usr_1")
    done = rights_requests.refuse(ledger, asked.request_id, "We know no Vera.", by="usr_1")
    assert (done.state, done.reasons) == ("refused", "We know no Vera.")
    erasure = rights_drafts.ask_erasure(ledger, opened, "")
    assert rights_requests.preview_of(ledger, POLICY, erasure) is None
    for request_id in (asked.request_id, erasure.request_id, "rrq_none"):
        with pytest.raises(BadChoice):
            rights_requests.approve(ledger, request_id, by="usr_1")
    assert published(ledger) == []


def test_what_is_no_longer_theirs_is_not_approved(ledger: Ledger) -> None:
    opened = link(ledger)
    asked = waiting(ledger, opened)
    put(ledger, voice=("Another Voice",))
    with pytest.raises(BadChoice) as caught:
        rights_requests.approve(ledger, asked.request_id, by="usr_1")
    assert caught.value.reason == "not_theirs"
    put(ledger, voice=(VOICE,))
    draft = rights_drafts.draft(ledger, POLICY, opened, choice(), "I am Vera.")
    with pytest.raises(BadChoice):
        rights_requests.approve(ledger, draft.request_id, by="usr_1")
    with ledger.reading() as connection:
        assert rights_requests.find(connection, draft.request_id).state == "draft"
