"""The content of a rightsholder's page, on both databases: theirs, and nothing of others."""

import pytest

from streams.services import rights_drafts, rights_requests, rightsholder_page
from streams.services.rightsholder_page import RightsholderPage
from streams.services.signed_links import LinkRefused
from streams.store import rightsholders
from streams.store.database import Ledger
from tests.support.rightsholders import ISRC, VOICE, agreed, choice, imitation, link, waiting
from tests.support.stories import POLICY


def page(ledger: Ledger, opened: object, language: str = "en") -> RightsholderPage:
    return rightsholder_page.content(ledger, opened, language, approval=True)  # type: ignore[arg-type]


def test_the_page_has_what_is_theirs_chosen_and_asked_for(ledger: Ledger) -> None:
    imitation(ledger, "T-V", title="Of another", distributor="D-9")
    imitation(ledger, "T-W", title="Her song", isrc=ISRC)
    agreed(ledger)
    opened = link(ledger)
    shown = page(ledger, opened)
    things = {(one.kind, one.name): one for one in shown.things}
    assert (things["voice", VOICE].tracks, things["voice", VOICE].held) == (2, 2)
    assert things["recording", ISRC].title == "Her song"
    assert things["voice", "Second Voice"].tracks == 0
    assert "Of another" not in shown.model_dump_json()
    assert "D-9" not in shown.model_dump_json()
    (imported,) = shown.choices
    assert (imported.own, imported.permission_text) == (False, "Agreed")
    rights_drafts.draft(ledger, POLICY, opened, choice("grant"), "I am Vera.")
    assert page(ledger, opened).requests == [], "a draft is not asked for yet"
    asked = waiting(ledger, opened)
    (request,) = page(ledger, opened).requests
    assert request.sentence == "Refuse: Imitation of the voice"
    assert request.about.startswith("Voice: Vera Voice · Everywhere · from ")
    assert "T-V" not in request.model_dump_json()
    rights_requests.approve(ledger, asked.request_id, by="usr_1")
    shown = page(ledger, opened, "de")
    own = shown.choices[0]
    assert (own.own, own.permission, own.in_force) == (True, "opt_out", True)
    assert own.permission_text == "Abgelehnt"
    assert "usr_1" not in shown.model_dump_json(), "who decided stays unknown"


def test_where_there_are_very_many_the_page_says_at_least(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for track_id in ("T-V", "T-W"):
        imitation(ledger, track_id)
    opened = link(ledger, voice=(VOICE,))
    (thing,) = page(ledger, opened).things
    assert (thing.tracks, thing.held, thing.at_least) == (2, 2, False)
    monkeypatch.setattr(rightsholder_page, "MOST_COUNTED", 1)
    (thing,) = page(ledger, opened).things
    assert (thing.tracks, thing.held, thing.at_least) == (2, 1, True)


def test_what_was_erased_has_no_page(ledger: Ledger) -> None:
    opened = link(ledger)
    with ledger.transaction() as connection:
        rightsholders.remove(connection, opened.rightsholder_id)
    with pytest.raises(LinkRefused):
        page(ledger, opened)
