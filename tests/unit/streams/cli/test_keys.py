"""API keys by the command line."""

import json
from contextlib import closing
from pathlib import Path

from streams.services.accounts import keys
from streams.store.database import Ledger
from tests.support.command_line import run


def test_a_key_is_created_listed_and_revoked(tmp_path: Path) -> None:
    here = ("--state", str(tmp_path))
    printed = run("keys", "create", "ingest", "--distributor", "PADPIDA1", "--by", "ada", *here)
    with closing(Ledger.open(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        key = keys.find(ledger, printed.strip())
        assert key is not None
        assert (key.role, key.distributors, key.created_by) == ("ingest", ("PADPIDA1",), "ada")
        listed = json.loads(run("keys", "ls", "--json", *here))
        assert [(one["key_id"], one["revoked_at"]) for one in listed] == [(key.key_id, None)]
        run("keys", "revoke", key.key_id, *here)
        assert keys.find(ledger, printed.strip()) is None
    assert f"{key.key_id}  revoked" in run("keys", "ls", *here)
    assert "there is no key key_x" in run("keys", "revoke", "key_x", *here, code=1)
