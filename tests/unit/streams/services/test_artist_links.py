"""Links of artists, on both databases: made, opened, refused, audited."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.services import artist_links, erasure
from streams.services.artist_links import BadLink, LinkRefused, LinkSigner, Refusals, SignedLink
from streams.store import artist_links as link_store
from streams.store import audit
from streams.store.database import Ledger
from tests.support.stories import tell

OLD, NEW = b"o" * 40, b"n" * 40
SIGNER = LinkSigner((NEW, OLD), "https://music.example", 200)


def audited(ledger: Ledger, subject: str) -> list[str]:
    return [row["action"] for row in audit.listed(ledger, subject, None, 100).rows]


def refused(ledger: Ledger, token: str, signer: LinkSigner = SIGNER) -> str:
    with pytest.raises(LinkRefused) as caught:
        artist_links.open_link(ledger, signer, token)
    assert not token or token not in str(caught.value), "errors are logged, a link must not be"
    return caught.value.reason


@pytest.fixture
def signed(ledger: Ledger) -> SignedLink:
    decided, _ = tell(ledger)
    return artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1")


def test_a_link_opens_its_decision_and_nothing_else(ledger: Ledger, signed: SignedLink) -> None:
    opened = artist_links.open_link(ledger, SIGNER, signed.token)
    assert (opened.decision_id, opened.track_id) == (signed.link.decision_id, "T-1")
    assert signed.url == f"https://music.example/artist/open/{signed.token}"
    artist_links.open_link(ledger, SIGNER, signed.token)
    assert signed.token.rpartition(".")[2] not in f"{signed} {SIGNER}", "shown in no traceback"
    assert "nnn" not in repr(SIGNER)
    assert audited(ledger, signed.link.link_id) == ["artist_link_opened", "artist_link_made"], (
        "of two visits within the hour one"
    )


def test_what_was_changed_in_a_link_is_refused(ledger: Ledger, signed: SignedLink) -> None:
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


def test_an_old_key_opens_until_it_is_taken_away(ledger: Ledger, signed: SignedLink) -> None:
    before = LinkSigner((OLD,), "", 200).signed(signed.link)
    assert before.token != signed.token
    assert artist_links.open_link(ledger, SIGNER, before.token) is not None


def test_an_expired_link_is_refused(ledger: Ledger, signed: SignedLink) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    row = vars(signed.link) | {"link_id": "lnk_" + "1" * 24, "expires_at": past}
    with ledger.transaction() as connection:
        link_store.add(connection, row)
    token = SIGNER.signed(artist_links.ArtistLink(**row)).token
    assert refused(ledger, token) == "expired"


def test_a_revoked_link_is_refused_and_only_its_owner_revokes_it(ledger: Ledger) -> None:
    decided, _ = tell(ledger, distributor="D-1")
    make = {"by": "key_1", "distributors": ("D-1",)}
    signed = artist_links.make(ledger, SIGNER, decided.decision_id, **make)  # type: ignore[arg-type]
    with pytest.raises(BadLink, match="there is no link"):
        artist_links.revoke(ledger, signed.link.link_id, by="key_2", distributors=("D-2",))
    with pytest.raises(BadLink, match="there is no decision"):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_2", distributors=("D-2",))
    for _ in range(2):
        artist_links.revoke(ledger, signed.link.link_id, by="key_1", distributors=("D-1",))
    assert refused(ledger, signed.token) == "revoked"
    assert audited(ledger, signed.link.link_id) == ["artist_link_revoked", "artist_link_made"]


def test_after_the_erasure_of_its_track_a_link_stays_dead(
    ledger: Ledger, signed: SignedLink, tmp_path: object
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
    artist_links.revoke(ledger, first.link.link_id, by="desk")
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
    monkeypatch.setattr(artist_links, "MOST_OF_DECISION", 2)
    for _ in range(2):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1")
    with pytest.raises(BadLink, match="revoke some first"):
        artist_links.make(ledger, SIGNER, decided.decision_id, by="key_2")


def test_refusals_are_audited_and_do_not_fill_the_log(ledger: Ledger) -> None:
    refusals = Refusals(ledger)
    for _ in range(3):
        for reason in ("expired", "revoked"):
            refusals.note(LinkRefused(reason, "lnk_1", "dec_1"))
    assert audited(ledger, "lnk_1") == ["artist_link_refused"] * 2
    for number in range(60):
        refusals.note(LinkRefused("tampered", f"lnk_forged_{number}"))
    forged = [row for row in audit.listed(ledger, "artist", None, 200).rows
              if "forged" in row["subject"]]  # fmt: skip
    # at most two minutes began in between
    assert artist_links.FORGED_PER_MINUTE <= len(forged) <= 3 * artist_links.FORGED_PER_MINUTE
    assert audit.verify(ledger).fault is None


def test_the_address_is_the_one_for_artists_where_there_is_one() -> None:
    settings = Settings(console_url="https://desk.example", artist_url="https://artists.example")
    assert LinkSigner.from_settings(settings).address == "https://artists.example"
    assert LinkSigner.from_settings(Settings(), "http://here").address == "http://here"
