"""Links of artists, on both databases: made, opened, refused, audited."""

import pytest

from streams.media.artefacts import ArtefactStore
from streams.services import artist_links, erasure, signed_links
from streams.services.signed_links import (
    ArtistLink,
    BadLink,
    LinkSigner,
    SignedLink,
)
from streams.store.database import Ledger
from tests.support.signed_links import SIGNER, audited, refused
from tests.support.stories import tell


def test_a_link_opens_its_decision_and_nothing_else(
    ledger: Ledger, signed: SignedLink[ArtistLink]
) -> None:
    opened = signed_links.open_link(ledger, SIGNER, signed.token)
    assert isinstance(opened, ArtistLink)
    assert (opened.decision_id, opened.track_id) == (signed.link.decision_id, "T-1")
    assert signed.url == f"https://music.example/artist/open/{signed.token}"
    signed_links.open_link(ledger, SIGNER, signed.token)
    assert signed.token.rpartition(".")[2] not in f"{signed} {SIGNER}", "shown in no traceback"
    assert "nnn" not in repr(SIGNER)
    assert audited(ledger, signed.link.link_id) == ["artist_link_opened", "artist_link_made"], (
        "of two visits within the hour one"
    )


def test_a_revoked_link_is_refused_and_only_its_owner_revokes_it(ledger: Ledger) -> None:
    decided, _ = tell(ledger, distributor="D-1")
    make = {"by": "key_1", "distributors": ("D-1",)}
    signed = artist_links.make(ledger, SIGNER, decided.decision_id, **make)  # type: ignore[arg-type]
    with pytest.raises(BadLink, match="there is no link"):
        signed_links.revoke(ledger, signed.link.link_id, by="key_2", distributors=("D-2",))
    with pytest.raises(BadLink, match="there is no decision"):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_2", distributors=("D-2",))
    for _ in range(2):
        signed_links.revoke(ledger, signed.link.link_id, by="key_1", distributors=("D-1",))
    assert refused(ledger, signed.token) == "revoked"
    assert audited(ledger, signed.link.link_id) == ["artist_link_revoked", "artist_link_made"]


def test_after_the_erasure_of_its_track_a_link_stays_dead(
    ledger: Ledger, signed: SignedLink[ArtistLink], tmp_path: object
) -> None:
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    erasure.erase(ledger, store, ["T-1"], who="test", really=True)
    assert refused(ledger, signed.token) == "erased"
    decided, _ = tell(ledger)
    assert decided.decision_id == signed.link.decision_id, "the same was delivered again"
    assert refused(ledger, signed.token) == "erased"


def test_a_delivery_that_is_repeated_sends_the_same_link(ledger: Ledger) -> None:
    decided, _ = tell(ledger)
    first = artist_links.link_for(ledger, SIGNER, decided.decision_id, by="delivery")
    assert artist_links.link_for(ledger, SIGNER, decided.decision_id, by="delivery") == first
    other = artist_links.link_for(ledger, SIGNER, decided.decision_id, by="digest")
    assert other.token != first.token
    signed_links.revoke(ledger, first.link.link_id, by="desk")
    again = artist_links.link_for(ledger, SIGNER, decided.decision_id, by="delivery")
    assert again.token != first.token, "what was revoked is not sent again"
    longer = LinkSigner(SIGNER.keys, "", 500)
    assert artist_links.link_for(ledger, longer, decided.decision_id, by="delivery") != again


def test_links_need_a_key_a_decision_and_an_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided, _ = tell(ledger)
    with pytest.raises(BadLink, match="set EARMARK_LINK_KEY"):
        artist_links.make(ledger, LinkSigner((), "", 9), decided.decision_id, by="key_1")
    with pytest.raises(BadLink, match="there is no decision"):
        artist_links.make(ledger, SIGNER, "dec_unknown", by="key_1")
    monkeypatch.setattr(signed_links, "MOST_VALID", 2)
    for _ in range(2):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1")
    with pytest.raises(BadLink, match="revoke some first"):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_2")
