"""Signed links, on both databases: what opens, what is refused, of both kinds."""

from datetime import UTC, datetime, timedelta

from streams.runtime.settings import Settings
from streams.services import rightsholders, signed_links
from streams.services.signed_links import (
    ArtistLink,
    LinkSigner,
    RightsholderLink,
    SignedLink,
)
from streams.store import artist_links as link_store
from streams.store.database import Ledger
from tests.support.signed_links import OLD, SIGNER, audited, refused
from tests.support.stories import tell


def test_what_was_changed_in_a_link_is_refused(
    ledger: Ledger, signed: SignedLink[ArtistLink]
) -> None:
    other, _ = tell(ledger, "T-2")
    link_id, decision_id, expires, signature = signed.token.split(".")
    later = str(int(expires) + 86_400)
    turned = signature[:-2] + ("BA" if signature[-2:] != "BA" else "AB")
    for token in (
        f"{link_id}.{other.decision_id}.{expires}.{signature}",
        f"{link_id}.{decision_id}.{later}.{signature}",
        f"{'lnk_' + '0' * 24}.{decision_id}.{expires}.{signature}",
        f"{link_id}.{decision_id}.{expires}.{turned}",
        f"{link_id}.{decision_id}.{expires}.",
        signed.token + "\n",
        signed.token * 50,
        "",
    ):
        assert refused(ledger, token) == "tampered"
    assert refused(ledger, signed.token, LinkSigner((OLD,), "", 1)) == "tampered"
    assert refused(ledger, signed.token, LinkSigner((), "", 1)) == "tampered", "without a key"


def test_an_old_key_opens_until_it_is_taken_away(
    ledger: Ledger, signed: SignedLink[ArtistLink]
) -> None:
    before = LinkSigner((OLD,), "", 200).signed(signed.link)
    assert before.token != signed.token
    assert signed_links.open_link(ledger, SIGNER, before.token) is not None


def test_an_expired_link_is_refused(ledger: Ledger, signed: SignedLink[ArtistLink]) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    row = vars(signed.link) | {"link_id": "lnk_" + "1" * 24, "expires_at": past}
    with ledger.transaction() as connection:
        link_store.add(connection, row)
    token = SIGNER.signed(signed_links.ArtistLink(**row)).token
    assert refused(ledger, token) == "expired"


def test_the_address_is_the_one_for_artists_where_there_is_one() -> None:
    settings = Settings(console_url="https://desk.example", artist_url="https://artists.example")
    assert LinkSigner.from_settings(settings).address == "https://artists.example"
    assert LinkSigner.from_settings(Settings(), "http://here").address == "http://here"


def test_a_link_of_a_rightsholder_is_of_its_own_kind(ledger: Ledger) -> None:
    holder = rightsholders.put(ledger, "P-1", "A Singer", {"voice": ("A Singer",)}, by="desk")
    made = rightsholders.make_link(ledger, SIGNER, holder.rightsholder_id, by="desk")
    opened = signed_links.open_link(ledger, SIGNER, made.token)
    assert isinstance(opened, RightsholderLink)
    assert (opened.rightsholder_id, opened.path) == (
        holder.rightsholder_id,
        f"/artist/rights/{opened.link_id}",
    )
    other = rightsholders.put(ledger, "P-2", "Another", {}, by="desk")
    changed = made.token.replace(holder.rightsholder_id, other.rightsholder_id)
    assert refused(ledger, changed) == "tampered"
    decided, _ = tell(ledger)
    assert refused(ledger, made.token.replace(made.link.about, decided.decision_id)) == "tampered"
    signed_links.revoke(ledger, made.link.link_id, by="desk")
    assert refused(ledger, made.token) == "revoked"
    assert audited(ledger, made.link.link_id) == [
        *("artist_link_revoked", "artist_link_opened", "artist_link_made"),
    ]
