"""Rightsholders, on both databases: what is theirs, and what their erasure leaves."""

from pathlib import Path

import pytest

from streams.media.kept_audio import Arriving, KeptUploads
from streams.runtime.settings import Settings
from streams.services import appeal_files, rights_requests, rightsholders, signed_links
from streams.services.rightsholders import BadRightsholder, Holdings
from streams.services.signed_links import BadLink, LinkRefused
from streams.store import audit
from streams.store.database import Ledger
from tests.support.rightsholders import ISRC, SIGNER, VOICE, agreed, put, waiting


def test_theirs_is_what_a_desk_names_and_what_the_registry_has_of_them(ledger: Ledger) -> None:
    holder = put(ledger)
    agreed(ledger)
    with ledger.reading() as connection:
        theirs, entries = rightsholders.holdings(connection, holder)
        others, none = rightsholders.holdings(connection, put(ledger, "P-8", voice=("X",)))
    assert theirs.voice == (VOICE, "Second Voice")
    assert theirs.find("voice", "second VOICE ") == "Second Voice"
    assert theirs.find("wildcard", "x") is None
    assert theirs.find("artist", VOICE) is None
    assert [one.entry and one.entry.grantor.party_id for one in entries] == ["P-7"]
    assert (others, none) == (Holdings(voice=("X",)), [])
    assert put(ledger, recording=(ISRC,)).rightsholder_id == holder.rightsholder_id, "changed"
    (*_, first) = audit.listed(ledger, holder.rightsholder_id, None, 9).rows
    assert VOICE not in first["detail"], "the log has no names"
    for wrong in ({"recording": ("no ISRC",)}, {"voice": ("",)}, {"voices": ("x",)}):
        with pytest.raises(BadRightsholder):
            put(ledger, "P-9", **wrong)
    with pytest.raises(BadRightsholder):
        put(ledger, "")


def test_after_the_erasure_nothing_opens_and_the_registry_remains(
    ledger: Ledger, tmp_path: Path
) -> None:
    settings = Settings(store=f"file://{tmp_path}/store")
    folder = appeal_files.folder_of(KeptUploads.open(settings), settings)
    holder, other = put(ledger), put(ledger, "P-8", voice=("X",))
    signed = rightsholders.make_link(ledger, SIGNER, holder.rightsholder_id, by="desk")
    foreign = rightsholders.make_link(ledger, SIGNER, other.rightsholder_id, by="desk")
    with Arriving(folder) as arriving:
        arriving.write(b"%PDF-1.7 of mine")
        file = appeal_files.take(ledger, settings, signed.link, "contract.pdf", arriving)
    rights_requests.approve(ledger, waiting(ledger, signed.link).request_id, by="desk")
    assert folder.has(file.sha256)
    assert rightsholders.erase(ledger, folder, holder.rightsholder_id, by="desk") == 4
    assert not folder.has(file.sha256)
    with pytest.raises(BadRightsholder):
        rightsholders.erase(ledger, folder, holder.rightsholder_id, by="desk")
    assert put(ledger).rightsholder_id == holder.rightsholder_id, "the same once more"
    with pytest.raises(LinkRefused) as caught:
        signed_links.open_link(ledger, SIGNER, signed.token)
    assert caught.value.reason == "erased"
    assert signed_links.open_link(ledger, SIGNER, foreign.token).about == other.rightsholder_id
    with ledger.reading() as connection:
        _, entries = rightsholders.holdings(connection, holder)
    assert [one.entry and one.entry.permission for one in entries] == ["opt_out"]
    with pytest.raises(BadLink, match="no rightsholder"):
        rightsholders.make_link(ledger, SIGNER, "rho_none", by="desk")
