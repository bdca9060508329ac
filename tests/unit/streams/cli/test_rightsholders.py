"""``earmark rightsholders`` as people type it."""

import re
import zipfile
from pathlib import Path

import pytest

from streams.ops.state import State
from streams.services import signed_links
from streams.services.signed_links import LinkSigner, RightsholderLink
from streams.store.database import Ledger
from tests.support.command_line import run
from tests.support.rightsholders import VOICE, waiting


def test_a_desk_works_by_commands(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_LINK_KEY", "k" * 40)
    at, noun = ("--state", str(state)), "rightsholders"
    settings = State(state).settings(None)
    ledger = Ledger.open(settings.ledger)
    line = run(noun, "set", "P-7", "Vera", "--voice", VOICE, "--isrc", "NOABC2600001", *at)
    holder = re.match(r"(rho_\w+) P-7: Vera\n", line)
    assert holder is not None, line
    assert run(noun, "ls", *at) == line
    made = run(noun, "link", holder[1], *at)
    token = made.partition("/artist/open/")[2].strip()
    opened = signed_links.open_link(ledger, LinkSigner((b"k" * 40,), "", 1), token)
    assert isinstance(opened, RightsholderLink)
    first = waiting(ledger, opened)
    listed = run(noun, "requests", *at)
    assert f"{first.request_id} {holder[1]} waiting: Refuse: Imitation of the voice" in listed
    assert "  about 0 tracks, 0 decided otherwise" in listed
    assert "is approved: rgt_" in run(noun, "approve", first.request_id, *at)
    second = waiting(ledger, opened, permission="grant")
    run(noun, "refuse", second.request_id, "--why", "We know no Vera.", *at)
    assert run(noun, "requests", "--ended", *at).count("rrq_") == 2
    run(noun, "approve", second.request_id, *at, code=1)
    out = state / "held.zip"
    assert run(noun, "export", holder[1], str(out), *at) == f"{out}: held.json and 0 files\n"
    assert zipfile.is_zipfile(out)
    assert "would erase" in run(noun, "erase", holder[1], *at)
    assert "is erased: 4 rows" in run(noun, "erase", holder[1], "--yes", *at)
    assert run(noun, "ls", *at) == ""
    ledger.close()
