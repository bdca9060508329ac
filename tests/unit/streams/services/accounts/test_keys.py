"""API keys, on both databases."""

from streams.services.accounts import keys
from streams.services.accounts.roles import Right
from streams.store.database import Ledger
from tests.support.account_names import actions


def test_keys_come_and_go(ledger: Ledger) -> None:
    presented = keys.create(ledger, "pipeline", "ingest", "usr_1")
    key = keys.find(ledger, presented)
    assert key is not None
    assert key.may(Right.UPLOAD)
    assert not key.may(Right.ADMIN)
    for wrong in ("", ".", key.key_id, f"{key.key_id}.", f"{key.key_id}.guess", "x" + presented):
        assert keys.find(ledger, wrong) is None
    for key_id in (key.key_id, key.key_id, "key_invented"):
        keys.revoke(ledger, key_id, "usr_1")
    assert actions(ledger).count("key_revoked") == 1
    assert keys.find(ledger, presented) is None
    assert [one.revoked_at is not None for one in keys.all_keys(ledger)] == [True]
