"""Choices of rightsholders: what is one, and which entries of the registry it makes."""

from datetime import date
from typing import Any

import pytest

from streams.services import rights_choices
from streams.services.rights_choices import BadChoice
from streams.services.rightsholders import Holdings, Rightsholder
from tests.support.events import DECIDED_AT, agreement
from tests.support.rightsholders import ISRC, OWN, VOICE, choice

HOLDER = Rightsholder("rho_1", "P-7", "Vera", Holdings.model_validate(OWN), "desk", DECIDED_AT)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": "Another Voice"}, "not_theirs"),
        ({"kind": "artist"}, "not_theirs"),
        ({"kind": "wildcard"}, "not_theirs"),
        ({"uses": []}, "bad_choice"),
        ({"uses": ["generate"]}, "bad_choice"),
        ({"permission": "revoked"}, "bad_choice"),
        ({"permission": "condition"}, "bad_choice"),
        ({"territories": "DE, XX"}, "bad_territory"),
        ({"territories": "Germany"}, "bad_territory"),
        ({"valid_from": "31.1.2027"}, "bad_day"),
        ({"valid_until": "9999-12-31"}, "bad_day"),
        ({"valid_from": "2027-02-01", "valid_until": "2027-01-31"}, "bad_day"),
    ],
)
def test_what_is_no_choice_of_theirs_is_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadChoice) as caught:
        choice(**wrong)
    assert caught.value.reason == reason


def test_each_use_is_an_entry_of_its_own() -> None:
    chosen = choice(
        name=VOICE.lower(), uses=["voice_replica", "derivatives"],
        territories="de; at DE", valid_until="2027-12-31",
    )  # fmt: skip
    first, second = rights_choices.changes_of(chosen, HOLDER, {}, by="desk", at=DECIDED_AT)
    assert (first.entry_id, second.entry_id) == tuple(rights_choices.entry_ids(chosen, "rho_1"))
    entry = second.entry
    assert entry is not None
    assert (entry.permission, entry.uses) == ("opt_out", ("voice_replica",))
    assert entry.subject.voices == (VOICE,), "as it is stored"
    assert (entry.territories, entry.valid_until) == (("AT", "DE"), date(2027, 12, 31))
    assert (entry.grantor.party_id, entry.verification) == ("P-7", "unverified")
    assert rights_choices.is_choice(second, "rho_1")
    assert not rights_choices.is_choice(second, "rho_2")
    assert not rights_choices.is_choice(agreement(), "rho_1")
    assert rights_choices.about_of(second) == ("voice", VOICE)
    known = {change.entry_id: change for change in (first, second)}
    agrees = choice(permission="grant", territories="AT,DE", kind="voice")
    (later,) = rights_choices.changes_of(agrees, HOLDER, known, by="desk", at=DECIDED_AT)
    assert (later.entry_id, later.version) == (second.entry_id, 2), "it takes the place"
    elsewhere = choice(permission="grant", territories="NO")
    assert rights_choices.entry_ids(elsewhere, "rho_1") != [second.entry_id]


def test_what_is_conditional_counts_as_not_allowed_until_a_person_agrees() -> None:
    chosen = choice(
        permission="condition", condition="Ask me.", kind="recording", name=ISRC, uses=["cover"]
    )
    (change,) = rights_choices.changes_of(
        chosen, HOLDER, {}, by="desk", at=DECIDED_AT, evidence="a" * 64, verified=True
    )
    entry = change.entry
    assert entry is not None
    assert (entry.permission, entry.conditions.approval_required) == ("conditional", True)
    assert entry.conditions.attribution_text == "Ask me."
    assert (entry.subject.isrcs, entry.verification) == ((ISRC,), "verified")
    assert entry.grantor.authority_evidence_sha256 == "a" * 64


def test_what_is_taken_back_is_revoked_and_nothing_else_can_be() -> None:
    (before,) = rights_choices.changes_of(choice(), HOLDER, {}, by="desk", at=DECIDED_AT)
    back = choice().model_copy(update={"permission": "take_back", "entry_id": before.entry_id})
    known = {before.entry_id: before}
    (after,) = rights_choices.changes_of(back, HOLDER, known, by="desk", at=DECIDED_AT)
    assert after.entry is not None
    assert (after.version, after.entry.permission) == (2, "revoked")
    foreign = agreement()
    other = back.model_copy(update={"entry_id": foreign.entry_id})
    for entries in (known, {foreign.entry_id: foreign}, {after.entry_id: after}):
        with pytest.raises(BadChoice, match="no such choice"):
            rights_choices.changes_of(other, HOLDER, entries, by="desk", at=DECIDED_AT)


def test_the_proof_has_one_hash() -> None:
    digest = rights_choices.evidence_of("I am Vera.", ["b" * 64, "a" * 64])
    assert digest == rights_choices.evidence_of("I am Vera.", ["a" * 64, "b" * 64])
    assert digest != rights_choices.evidence_of("I am Vera.", ["a" * 64])
