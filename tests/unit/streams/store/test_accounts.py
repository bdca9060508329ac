"""Rows of users, sessions, links, keys and requests, on both databases."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from streams.services.accounts.users import User
from streams.stages.ledger import project
from streams.store import accounts
from streams.store.database import Ledger
from tests.support.accounts import create_user
from tests.support.ledger_rows import letter
from tests.support.stories import hear, tell

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ada(ledger: Ledger) -> User:
    return create_user(ledger, "Ada", "admin")


def session(connection: Connection, token: str, user: User, begun: datetime) -> None:
    times = {"created_at": begun, "seen_at": begun, "expires_at": begun + HOUR}
    row = {"token_sha256": token, "user_id": user.user_id, "csrf": "c", "by_link": False}
    accounts.add_session(connection, row | times)


def test_users_are_found_by_any_of_their_names(ledger: Ledger, ada: User) -> None:
    with ledger.transaction() as connection:
        assert accounts.first_admin(connection).user_id == ada.user_id
        assert not accounts.has_other_admin(connection, ada.user_id)
        accounts.change_user(connection, ada.user_id, oidc_subject="sub", password_hash="h")  # noqa: S106 - of a test
        row = accounts.user(connection, oidc_subject="sub")
        assert (row.user_id, row.by_oidc, row.has_password) == (ada.user_id, True, True)
        assert accounts.password_hash(connection, "Ada") is None, "the provider lets in"
        assert accounts.user(connection, name="Bob") is None
        accounts.change_user(connection, ada.user_id, active=False)
        assert accounts.first_admin(connection) is None
    create_user(ledger, "Abe", "admin")
    with ledger.reading() as connection:
        assert [user.name for user in accounts.all_users(connection)] == ["Abe", "Ada"]
        assert accounts.has_other_admin(connection, ada.user_id)


def test_attempts_are_counted_by_origin_and_forgotten_with_time(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        for minutes, name, address in ((0, "Ada", "1"), (1, "Ada", "2"), (2, "Bob", "1")):
            accounts.add_attempt(connection, name, address, NOW + minutes * MINUTE, HOUR)
        before = NOW - MINUTE
        assert accounts.count_attempts(connection, before, name="Ada") == 2
        assert accounts.count_attempts(connection, before, name="Ada", address="1") == 1
        assert accounts.count_attempts(connection, NOW, address="1") == 1, "later than that"
        accounts.clear_attempts(connection, "Ada", "2")
        assert accounts.count_attempts(connection, before, name="Ada") == 1
        accounts.add_attempt(connection, "Eve", "9", NOW + 2 * HOUR, HOUR)
        assert accounts.count_attempts(connection, before) == 1


def test_a_new_session_removes_those_that_have_expired(ledger: Ledger, ada: User) -> None:
    with ledger.transaction() as connection:
        session(connection, "old", ada, NOW - 2 * HOUR)
        session(connection, "edge", ada, NOW - HOUR)
        session(connection, "new", ada, NOW)
        assert accounts.session(connection, "old") is None
        assert accounts.session(connection, "edge") is not None, "it expires at this moment"
        accounts.see_session(connection, "new", NOW + MINUTE)
        assert accounts.session(connection, "new").seen_at == NOW + MINUTE
        accounts.end_session(connection, "edge")
        assert accounts.session(connection, "edge") is None
        accounts.end_access(connection, ada.user_id)
        assert accounts.session(connection, "new") is None


def test_a_link_is_used_once_in_time_and_replaced_by_a_newer_one(ledger: Ledger, ada: User) -> None:
    def add(connection: Connection, token: str) -> None:
        row = {"token_sha256": token, "user_id": ada.user_id, "expires_at": NOW + HOUR}
        accounts.add_link(connection, row)

    with ledger.transaction() as connection:
        add(connection, "first")
        add(connection, "second")
        assert not accounts.has_logins(connection)
        assert accounts.use_link(connection, "first", NOW) is None
        assert accounts.use_link(connection, "second", NOW + HOUR) is None, "just too late"
        assert accounts.use_link(connection, "second", NOW) == ada.user_id
        assert accounts.use_link(connection, "second", NOW) is None
        assert accounts.has_logins(connection)


def key(name: str, **more: Any) -> dict[str, Any]:
    row = {"key_id": name, "name": name, "role": "ingest", "secret_sha256": "s", "created_at": NOW}
    return row | {"created_by": "test"} | more


def test_keys_are_revoked_once_and_listed_latest_first(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        accounts.add_key(connection, key("key_1"))
        accounts.add_key(connection, key("key_2", created_at=NOW + HOUR))
        assert accounts.revoke_key(connection, "key_1", NOW)
        assert not accounts.revoke_key(connection, "key_1", NOW)
        assert not accounts.revoke_key(connection, "key_9", NOW)
        accounts.see_key(connection, "key_2", NOW)
        assert [row.key_id for row in accounts.all_keys(connection)] == ["key_2", "key_1"]
        assert accounts.key(connection, "key_2").used_at == NOW
        assert accounts.key(connection, "key_9") is None


def test_quotas_count_the_uploads_of_a_day(ledger: Ledger) -> None:
    decided, _ = tell(ledger)
    hear(ledger, decided, "a" * 64)  # 180 s
    with ledger.transaction() as connection:
        accounts.use_key(connection, "key_1", decided.upload_id, NOW)
        accounts.use_key(connection, "key_1", "upl_other", NOW + HOUR)
        accounts.use_key(connection, "key_1", "upl_other", NOW + HOUR)
        assert accounts.upload_before(connection, "key_1", 1) == NOW + HOUR
        assert accounts.upload_before(connection, "key_1", 2) == NOW
        assert accounts.upload_before(connection, "key_1", 3) is None
        assert accounts.audio_seconds(connection, "key_1", NOW - MINUTE, 0.0) == 189.0
        assert accounts.audio_seconds(connection, "key_1", NOW, 0.0) == 0.0
        accounts.use_key(connection, "key_2", "upl_3", NOW + 25 * HOUR)
        assert accounts.upload_before(connection, "key_1", 1) == NOW + HOUR, "a day, and no more"
        assert accounts.upload_before(connection, "key_1", 2) is None


def test_a_request_is_remembered_for_a_week(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        accounts.add_request(connection, "key_1", "idem", "sha", "upl_1", NOW)
        assert accounts.earlier_request(connection, "key_1", "idem").answer == "upl_1"
        assert accounts.earlier_request(connection, "key_2", "idem") is None
        week = accounts.REQUESTS_KEPT
        accounts.add_request(connection, "key_1", "second", "sha", "upl_2", NOW + week)
        assert accounts.earlier_request(connection, "key_1", "idem") is not None
        accounts.add_request(connection, "key_1", "third", "sha", "upl_3", NOW + week + MINUTE)
        assert accounts.earlier_request(connection, "key_1", "idem") is None


def test_refused_uploads_count_and_waiting_ones_as_the_mean_of_all(ledger: Ledger) -> None:
    """Thousands of undecodable files cost as much as long ones, and are refused in the end."""
    decided, _ = tell(ledger)
    hear(ledger, decided, "a" * 64)  # 180 s
    ids = [f"upl_{number}" for number in range(119)]
    refused = [letter(orjson.dumps({"upload_id": name}), at) for at, name in enumerate(ids[:19])]
    replayed = letter(orjson.dumps({"upload_id": decided.upload_id}), 99)
    elsewhere = dataclasses.replace(letter(orjson.dumps({"upload_id": ids[-1]}), 98), headers=())
    project(ledger, [*refused, replayed, elsewhere])
    with ledger.transaction() as connection:
        for upload_id in (decided.upload_id, *ids):
            accounts.use_key(connection, "key_1", upload_id, NOW)
        ended = 180.0 + 19 * 1_000.0
        counted = accounts.audio_seconds(connection, "key_1", NOW - MINUTE, 1_000.0)
        assert counted == pytest.approx(ended + 100 * ended / 20)
