"""API keys, on both databases."""

import pytest

from streams.services.accounts import keys
from streams.services.accounts.roles import Right, Role
from streams.services.accounts.users import AccountError
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


@pytest.mark.parametrize(
    ("role", "distributors", "per_hour"),
    [
        (Role.ADMIN, ["A"], None),
        (Role.LEAD, ["A"], None),
        (Role.INGEST, ["x" * 257], None),
        (Role.INGEST, ["a\x01b"], None),
        (Role.INGEST, [str(number) for number in range(101)], None),
        (Role.INGEST, [], 0),
    ],
)
def test_keys_that_will_not_do(
    ledger: Ledger, role: Role, distributors: list[str], per_hour: int | None
) -> None:
    with pytest.raises(AccountError):
        keys.create(
            *(ledger, "a key", role, "test"), distributors=distributors, uploads_per_hour=per_hour
        )
    assert keys.all_keys(ledger) == []
