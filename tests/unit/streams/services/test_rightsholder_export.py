"""All that is held about a rightsholder, on both databases; and nothing of others."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from streams.media.kept_audio import Arriving, KeptUploads
from streams.runtime.settings import Settings
from streams.services import appeal_files, rights_requests, rightsholder_export
from streams.services.rightsholders import BadRightsholder
from streams.store.database import Ledger
from tests.support.rightsholders import ISRC, imitation, link, waiting


def test_the_export_is_whole_and_theirs_alone(ledger: Ledger, tmp_path: Path) -> None:
    settings = Settings(store=f"file://{tmp_path}/store")
    folder = appeal_files.folder_of(KeptUploads.open(settings), settings)
    imitation(ledger, "T-V", title="Of another", distributor="D-9")
    imitation(ledger, "T-W", title="Her song", isrc=ISRC)
    opened, other = link(ledger), link(ledger, "P-8", voice=("X",))
    waiting(ledger, other, kind="voice")
    with Arriving(folder) as arriving:
        arriving.write(b"%PDF-1.7 of mine")
        appeal_files.take(ledger, settings, opened, "../my contract.pdf", arriving)
    rights_requests.approve(ledger, waiting(ledger, opened).request_id, by="usr_1")
    target = io.BytesIO()
    about = opened.rightsholder_id
    assert rightsholder_export.write(ledger, folder, about, target, by=opened.link_id) == 1
    with zipfile.ZipFile(target) as packed:
        (name,) = (one for one in packed.namelist() if one != "held.json")
        assert name.startswith("files/fil_")
        assert name.endswith("-my contract.pdf")
        assert packed.read(name) == b"%PDF-1.7 of mine"
        text = packed.read("held.json").decode()
    held = json.loads(text)
    assert held["rightsholder"]["party_id"] == "P-7"
    assert [one["entry"]["permission"] for one in held["registry"]] == ["opt_out"]
    assert [one["state"] for one in held["requests"]] == ["in_force"]
    assert [one["title"] for one in held["recordings"]] == ["Her song"]
    assert {one["action"] for one in held["log"]} >= {
        *("rightsholder_set", "artist_link_made", "appeal_file_added", "rights_choice_approved"),
    }
    for foreign in ("Of another", "D-9", "T-V", other.rightsholder_id, other.link_id):
        assert foreign not in text, foreign
    with pytest.raises(BadRightsholder):
        rightsholder_export.held(ledger, "rho_none")
