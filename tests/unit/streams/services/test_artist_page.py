"""What a link opens: one upload in plain words, and nothing of others."""

import pytest

from streams.contract import topics
from streams.contract.records import Evidence, SegmentScore
from streams.policy.decide import decide
from streams.services import artist_links, artist_page, signed_links
from streams.services.signed_links import LinkRefused, LinkSigner
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.reopening import current_decisions
from tests.support.events import classified, match, message
from tests.support.stories import POLICY, hear, tell

SIGNER = LinkSigner((b"k" * 40,), "https://music.example", 200)


def test_the_page_holds_what_concerns_the_artist_alone(ledger: Ledger) -> None:
    decided, _ = tell(
        *(ledger, "T-1"),
        title="Song",
        artists=["A Singer"],
        matches=(match(),),
        evidence=(Evidence(kind="clock", score=9.25, sentence="secret numbers"),),
        uploader={"account_id": "acc-1", "strikes": 2},
    )
    hear(ledger, decided, decided.content_sha256)
    event = current_decisions(ledger, ["T-1"])["T-1"].event
    written = decide(event, POLICY).statement
    assert written is not None
    project(ledger, [message(topics.STATEMENTS_WRITTEN, written, 9)])
    signed = artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1")
    link = signed.link
    texts = artist_page.statement_with(ledger, signed)
    assert set(texts) == {"en", "de"}
    assert all(signed.url in text and "/artist/dec_" not in text for text in texts.values())
    page = artist_page.content(ledger, link, "de")
    assert (page.title, page.artists, page.language) == ("Song", ["A Singer"], "de")
    assert page.headline == "Diese Aufnahme ist als mit KI hergestellt gekennzeichnet"
    assert page.has_audio
    assert page.statement is not None
    assert page.statement.text.startswith("Was wir mit Ihrer Aufnahme weltweit getan haben")
    assert "auf dieser Seite" in page.statement.text
    assert "/artist/dec_" not in page.statement.text
    shown = page.model_dump_json()
    for hidden in ("T-0", "stay", "9.25", "secret numbers", "acc-1", "strikes", "p_value"):
        assert hidden not in shown, hidden


def test_of_a_track_that_others_deliver_too_a_link_shows_its_own_upload(ledger: Ledger) -> None:
    own, _ = tell(ledger, "T-1", title="Own", distributor="D-1")
    link = artist_links.make(ledger, SIGNER, own.decision_id, by="key_1").link
    tell(ledger, "T-1", title="Of others", distributor="D-2", at_ms=1_795_000_900_000)
    page = artist_page.content(ledger, link, "en")
    assert (page.title, page.decision_id) == ("Own", own.decision_id)
    assert not page.decided_again


def test_what_was_erased_opens_nothing(ledger: Ledger) -> None:
    decided, _ = tell(ledger)
    link = artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1").link
    gone = signed_links.ArtistLink(**(vars(link) | {"upload_id": "upl_gone"}))
    with pytest.raises(LinkRefused):
        artist_page.content(ledger, gone, "en")


def test_strong_parts_that_touch_are_one() -> None:
    made = decide(classified(), POLICY).decided
    spans = ((0, 12, 3.0), (12, 24, 4.5), (24, 36, 0.1), (36, 48, 2.0))
    segments = tuple(
        SegmentScore(start_s=start, end_s=end, score=score) for start, end, score in spans
    )
    analysis = made.analysis.model_copy(update={"segments": segments})
    parts = artist_page.marked_parts(made.model_copy(update={"analysis": analysis}))
    assert [(part.start_s, part.end_s) for part in parts] == [(0, 24), (36, 48)]
