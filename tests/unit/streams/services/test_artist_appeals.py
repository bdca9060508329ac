"""Appeals by artist links: handed in, followed, decided; those of others stay theirs."""

import pytest

from streams.contract.records import Extent, Outcome
from streams.contract.records.reviews import AppealOutcome, Appellant
from streams.services import appeals, artist_appeals, artist_links, artist_page
from streams.services.appeals import BadAppeal, Step
from streams.services.signed_links import ArtistLink, LinkSigner
from streams.store import audit
from streams.store.database import Ledger
from tests.support.accounts import create_user
from tests.support.stories import tell

SIGNER = LinkSigner((b"k" * 40,), "https://music.example", 200)
HOW = "I played it on my grandmother's piano."


def link_to(ledger: Ledger, track_id: str = "T-1") -> ArtistLink:
    decided, _ = tell(ledger, track_id)
    return artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1").link


def object_to(ledger: Ledger, link: ArtistLink, grounds: str = "not_ai", **more: object) -> str:
    received = artist_appeals.receive(
        ledger,
        link,
        party="artist",
        grounds=grounds,
        statement=HOW,
        **more,  # type: ignore[arg-type]
    )
    return received.appeal_id


def test_an_appeal_is_followed_by_every_link_of_its_side_and_by_no_other(ledger: Ledger) -> None:
    link = link_to(ledger)
    other = artist_links.make(ledger, SIGNER, link.decision_id, by="key_2").link
    appeals.receive(
        ledger,
        link.decision_id,
        appellant=Appellant(type="depicted_person", id="somebody"),
        grounds="not_impersonation",
        statement="This is my voice!",
        by="desk",
    )
    assert artist_appeals.overview(ledger, link, "en").appeals == [], "it is of another person"
    number = object_to(ledger, link)
    (shown,) = artist_appeals.overview(ledger, other, "de").appeals
    assert (shown.appeal_id, shown.state_text) == (number, "Ihr Widerspruch ist da.")
    assert [step.status for step in shown.steps] == ["now", "later", "later"]
    foreign = link_to(ledger, "T-2")
    assert artist_appeals.overview(ledger, foreign, "en").appeals == []
    with pytest.raises(BadAppeal, match="there is no appeal"):
        artist_appeals.answer(ledger, foreign, number, "let me in")
    actions = [row["action"] for row in audit.listed(ledger, link.link_id, None, 20).rows]
    assert "appeal_received" in actions


def test_a_corrected_declaration_reaches_the_person_who_decides(ledger: Ledger) -> None:
    link = link_to(ledger)
    number = object_to(ledger, link, "partly_ai", parts=("vocals", "<b>"), tools="Songmaker 3")
    with ledger.reading() as connection:
        appeal = appeals.find(connection, number)
    assert appeal.grounds == "partly_ai"
    assert (
        appeal.statement
        == f"{HOW}\n\n[made with AI, by their own account: vocals; with: Songmaker 3]"
    )


def test_only_what_is_open_is_objected_to_once(ledger: Ledger) -> None:
    link = link_to(ledger)
    for wrong in ({"grounds": "because"}, {"party": "king"}, {"statement": "  "}):
        fields = {"party": "artist", "grounds": "not_ai", "statement": HOW} | wrong
        with pytest.raises(BadAppeal):
            artist_appeals.receive(ledger, link, **fields)
    assert artist_appeals.overview(ledger, link, "en").can_object
    object_to(ledger, link)
    assert not artist_appeals.overview(ledger, link, "en").can_object
    with pytest.raises(BadAppeal, match="nothing to object"):
        object_to(ledger, link)


def test_it_is_asked_for_more_answered_and_decided(ledger: Ledger) -> None:
    link, lead = link_to(ledger), create_user(ledger, "Lea", "lead")
    number = object_to(ledger, link)
    sequence = 0
    for state in ("admissible", "in_review", "info_requested"):
        step = Step(state, interim_relief=True)
        sequence = appeals.advance(ledger, number, sequence, step, lead).sequence
    (shown,) = artist_appeals.overview(ledger, link, "en").appeals
    assert shown.needs_more
    assert shown.suspended
    with pytest.raises(BadAppeal, match="Write something"):
        artist_appeals.answer(ledger, link, number, " ")
    answered = artist_appeals.answer(ledger, link, number, "The session is attached.")
    assert answered.state == "in_review", "the review goes on"
    assert answered.statement == f"{HOW}\n\nThe session is attached."
    assert answered.assigned_to == lead.user_id
    outcome = AppealOutcome(extent=Extent.NONE, reasons="The takes are all there.")
    won = appeals.advance(ledger, number, answered.sequence, Step("overturned", outcome), lead)
    (shown,) = artist_appeals.overview(ledger, link, "en").appeals
    assert (shown.is_won, shown.reasons) == (True, "The takes are all there.")
    assert shown.is_pending, "it was not decided again yet"
    assert shown.steps[1].text == "A person looked at it"
    assert [step.status for step in shown.steps] == ["past"] * 3
    with pytest.raises(BadAppeal, match="has ended"):
        artist_appeals.answer(ledger, link, number, "thank you")
    assert won.decision_id == link.decision_id


def test_what_was_decided_stays_decided(ledger: Ledger) -> None:
    link, lead = link_to(ledger), create_user(ledger, "Lea", "lead")
    number = object_to(ledger, link)
    sequence = 0
    for step in (
        *(Step("admissible"), Step("in_review")),
        Step("upheld", AppealOutcome(reasons="No takes, no session.")),
    ):
        sequence = appeals.advance(ledger, number, sequence, step, lead).sequence
    overview = artist_appeals.overview(ledger, link, "en")
    assert not overview.can_object, "the same decision is not contested twice"
    assert not overview.appeals[0].is_won


def test_where_nothing_is_shown_or_restricted_there_is_nothing_to_object_to(
    ledger: Ledger,
) -> None:
    decided, _ = tell(ledger, "T-3", Outcome.NO_TRACE)
    link = artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1").link
    assert not artist_appeals.overview(ledger, link, "en").can_object
    assert artist_page.content(ledger, link, "en").headline == "Nothing is shown or restricted"
