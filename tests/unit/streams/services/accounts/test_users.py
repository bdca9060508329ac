"""Users, sessions, links and keys, on both databases."""

import pytest
import sqlalchemy

from streams.services.accounts import keys, sessions, users
from streams.services.accounts.sessions import Session
from streams.services.accounts.users import AccountError, TooManyTries, User, WrongLogin
from streams.store import accounts
from streams.store.account_tables import API_KEYS, AUDIT, LINKS, SESSIONS, USERS
from streams.store.database import Ledger
from tests.support.account_names import PASSWORD
from tests.support.accounts import create_user


def test_only_hashes_are_stored(ledger: Ledger, ada: User) -> None:
    token = sessions.begin(ledger, ada)
    _, link = sessions.link(ledger, ada.user_id, "start")
    key = keys.create(ledger, "pipeline", "ingest", ada.user_id)
    with ledger.reading() as connection:
        dump = "".join(
            str(tuple(row))
            for table in (USERS, SESSIONS, LINKS, AUDIT, API_KEYS)
            for row in connection.execute(sqlalchemy.select(table))
        )
    for secret in (PASSWORD, token, link, key.partition(".")[2]):
        assert secret not in dump


def test_a_new_password_needs_the_old_one_unless_a_link_let_in(ledger: Ledger, ada: User) -> None:
    for _ in range(users.TRIES_OF_BOTH):
        with pytest.raises(WrongLogin):
            sessions.change_password(ledger, Session(ada, "x"), "n" * 12, "guess", "10.0.0.1")
    with pytest.raises(TooManyTries):  # a stolen session guesses no faster than a log-in
        sessions.change_password(ledger, Session(ada, "x"), "n" * 12, PASSWORD, "10.0.0.1")
    _, link = sessions.link(ledger, ada.user_id, "usr_admin")
    session = sessions.find(ledger, sessions.enter(ledger, link, "10.0.0.1"))
    assert session is not None
    assert session.by_link
    sessions.change_password(ledger, session, "n" * 12, "", "10.0.0.1")
    assert users.log_in(ledger, "Ada", "n" * 12, "10.0.0.2") == ada


def test_an_account_of_oidc_has_no_password(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        eve = users.add(connection, "Eve", "viewer", "oidc", "issuer#1")
    with pytest.raises(AccountError, match="no password"):
        sessions.change_password(ledger, Session(eve, "x", by_link=True), PASSWORD, "", "10.0.0.1")
    with ledger.transaction() as connection:  # one that an earlier release let it set
        accounts.change_user(connection, eve.user_id, password_hash=users.hash_password(PASSWORD))
    with pytest.raises(WrongLogin):
        users.log_in(ledger, "Eve", PASSWORD, "10.0.0.1")


def test_the_last_admin_stays(ledger: Ledger) -> None:
    root = create_user(ledger, "root", "admin").user_id
    for role, active in (("viewer", True), ("admin", False)):
        with pytest.raises(AccountError, match="at least one user must remain"):
            users.change(ledger, root, role=role, active=active, by=root)
    create_user(ledger, "root 2", "admin")
    users.change(ledger, root, role="viewer", active=True, by=root)
    assert [user.role for user in users.everybody(ledger)] == ["viewer", "admin"]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("", "viewer"), ("a\nb", "viewer"), ("x" * 101, "viewer"), ("Ada", "viewer"),
        ("new", "ingest"), ("new", "emperor"),
    ],
)  # fmt: skip
def test_accounts_that_will_not_do(ledger: Ledger, ada: User, name: str, role: str) -> None:
    with pytest.raises(AccountError):
        sessions.invite(ledger, name, role, "start")
    assert users.everybody(ledger) == [ada]


@pytest.mark.parametrize("password", ["short", "x" * 2_000])
def test_passwords_that_will_not_do(ledger: Ledger, ada: User, password: str) -> None:
    with pytest.raises(AccountError):
        sessions.change_password(ledger, Session(ada, "x"), password, PASSWORD, "10.0.0.1")
    assert users.log_in(ledger, "Ada", PASSWORD, "10.0.0.1") == ada
