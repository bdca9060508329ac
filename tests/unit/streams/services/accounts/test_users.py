"""Users, sessions, links and keys, on both databases."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from argon2 import PasswordHasher

from streams.services.accounts import keys, sessions, users
from streams.services.accounts.roles import PEOPLE, RIGHTS, Right, Role, rights_of
from streams.services.accounts.sessions import BadLink, Session
from streams.services.accounts.users import AccountError, TooBusy, TooManyTries, User, WrongLogin
from streams.store import accounts
from streams.store.account_tables import API_KEYS, AUDIT, LINKS, SESSIONS, USERS
from streams.store.database import Ledger
from tests.support.accounts import create_user

PASSWORD = "correct horse battery"  # noqa: S105 - of a test
AS_RELEASED = (users.HASHER, users.NOBODY)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real algorithm, with less work."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(users, "HASHER", hasher)
    monkeypatch.setattr(users, "NOBODY", hasher.hash("no such user"))


@pytest.fixture
def ada(ledger: Ledger) -> User:
    return create_user(ledger, "Ada", "reviewer", PASSWORD)


def test_a_password_lets_in_and_a_wrong_one_does_not(ledger: Ledger, ada: User) -> None:
    assert users.log_in(ledger, "Ada", PASSWORD, "10.0.0.1") == ada
    for name, password in (("Ada", "wrong"), ("nobody", PASSWORD), ("Ada", ""), ("", "")):
        with pytest.raises(WrongLogin, match="do not go together"):
            users.log_in(ledger, name, password, "10.0.0.2")


def test_no_password_no_log_in(ledger: Ledger) -> None:
    create_user(ledger, "Link", "viewer")
    for password in ("", "no such user"):
        with pytest.raises(WrongLogin):
            users.log_in(ledger, "Link", password, "10.0.0.1")


def test_who_is_unknown_costs_the_same_work_as_who_is_known() -> None:
    hasher, nobody = AS_RELEASED
    assert hasher.hash(PASSWORD).split("$")[:4] == nobody.split("$")[:4]


def test_guessing_is_throttled_by_name_and_by_address(ledger: Ledger, ada: User) -> None:
    for _ in range(users.TRIES_OF_BOTH):
        with pytest.raises(WrongLogin):
            users.log_in(ledger, "Ada", "guess", "10.0.0.9")
    with pytest.raises(TooManyTries):
        users.log_in(ledger, "Ada", PASSWORD, "10.0.0.9")
    for number in range(users.TRIES_OF_ADDRESS - users.TRIES_OF_BOTH):
        with pytest.raises(WrongLogin):
            users.log_in(ledger, f"name {number}", "guess", "10.0.0.9")
    with pytest.raises(TooManyTries):
        users.log_in(ledger, "somebody else", "guess", "10.0.0.9")


def test_a_stranger_locks_nobody_out_and_fills_no_log(ledger: Ledger, ada: User) -> None:
    for number in range(users.TRIES_OF_ADDRESS + 20):
        name = "Ada" if number < users.TRIES_OF_BOTH + 5 else f"name {number}"
        with pytest.raises((WrongLogin, TooManyTries)):
            users.log_in(ledger, name, "guess", f"2001:db8::{number:x}")  # all of one customer
    assert users.log_in(ledger, "Ada", PASSWORD, "2001:db8:0:1::1") == ada
    with ledger.reading() as connection:
        question = sqlalchemy.select(AUDIT.c.action, sqlalchemy.func.count())
        counts: dict[str, int] = dict(connection.execute(question.group_by(AUDIT.c.action)).all())
        dump = str(connection.execute(sqlalchemy.select(AUDIT)).all())
    assert ada.user_id in dump
    for typed in ("2001:db8", "Ada", "name 7"):  # the log is for ever: it has no person's data
        assert typed not in dump
    assert counts["login_failed"] == users.TRIES_OF_ADDRESS
    assert counts["login_throttled"] == 2  # once for her name from there, once for the address


def test_a_name_is_closed_to_all_when_the_whole_world_guesses(
    ledger: Ledger, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "TRIES_OF_NAME", 8)
    for number in range(8):
        with pytest.raises(WrongLogin):
            users.log_in(ledger, "Ada", "guess", f"10.0.{number}.1")
    with pytest.raises(TooManyTries):
        users.log_in(ledger, "Ada", PASSWORD, "10.0.99.1")


def test_success_forgets_the_failures(ledger: Ledger, ada: User) -> None:
    for _ in range(3):
        for _ in range(users.TRIES_OF_BOTH - 1):
            with pytest.raises(WrongLogin):
                users.log_in(ledger, "Ada", "guess", "10.0.0.9")
        users.log_in(ledger, "Ada", PASSWORD, "10.0.0.9")


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


def test_a_session_is_found_until_it_ends(ledger: Ledger, ada: User) -> None:
    token, other = sessions.begin(ledger, ada), sessions.begin(ledger, ada)
    assert token != other
    row = sessions.find(ledger, token)
    assert row is not None
    assert row.user == ada
    assert row.accepts(row.csrf)
    assert not row.accepts("")
    sessions.end(ledger, token, ada)
    assert sessions.find(ledger, token) is None
    assert sessions.find(ledger, "invented") is None


@pytest.mark.parametrize("column", ["expires_at", "seen_at"])
def test_an_old_or_idle_session_is_over(ledger: Ledger, ada: User, column: str) -> None:
    token = sessions.begin(ledger, ada)
    with ledger.transaction() as connection:
        old = {column: datetime.now(UTC) - timedelta(hours=13)}
        connection.execute(sqlalchemy.update(SESSIONS).values(old))
    assert sessions.find(ledger, token) is None


def test_closing_an_account_or_a_new_password_ends_its_sessions(ledger: Ledger, ada: User) -> None:
    create_user(ledger, "root", "admin")
    token = sessions.begin(ledger, ada)
    _, link = sessions.link(ledger, ada.user_id, "usr_admin")
    session = sessions.find(ledger, token)
    assert session is not None
    new = sessions.change_password(ledger, session, "another long one", PASSWORD, "10.0.0.1")
    assert sessions.find(ledger, token) is None
    with pytest.raises(BadLink):
        sessions.enter(ledger, link, "10.0.0.1")
    assert sessions.find(ledger, new) is not None
    assert users.log_in(ledger, "Ada", "another long one", "10.0.0.1").user_id == ada.user_id
    for _ in range(2):
        users.change(ledger, ada.user_id, role="reviewer", active=False, by="usr_admin")
    assert sessions.find(ledger, new) is None
    assert actions(ledger).count("user_changed") == 1


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


def test_many_log_ins_at_once_hash_few_passwords(
    ledger: Ledger, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty log-ins of 64 MiB each took the memory of the console."""
    hashing, most, lock = [0], [0], threading.Lock()

    def verify(stored: str, password: str) -> bool:
        with lock:
            hashing[0] += 1
            most[0] = max(most[0], hashing[0])
        time.sleep(0.1)
        with lock:
            hashing[0] -= 1
        return False

    monkeypatch.setattr(users, "_verify", verify)
    monkeypatch.setattr(users, "HASH_WAIT_S", 0.05)

    def log_in(number: int) -> type[Exception]:
        with pytest.raises((TooBusy, WrongLogin)) as caught:
            users.log_in(ledger, "Ada", "guess", f"10.0.{number}.1")
        return caught.type

    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(log_in, range(30)))
    assert most[0] <= 4
    assert answers.count(TooBusy) > 0
    with ledger.reading() as connection:  # who was sent away is not counted
        since = datetime.now(UTC) - users.WINDOW
        assert accounts.count_attempts(connection, since, name="Ada") == answers.count(WrongLogin)


def actions(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return list(connection.scalars(sqlalchemy.select(AUDIT.c.action)))


def test_the_last_admin_stays(ledger: Ledger) -> None:
    root = create_user(ledger, "root", "admin").user_id
    for role, active in (("viewer", True), ("admin", False)):
        with pytest.raises(AccountError, match="somebody must remain"):
            users.change(ledger, root, role=role, active=active, by=root)
    create_user(ledger, "root 2", "admin")
    users.change(ledger, root, role="viewer", active=True, by=root)
    assert [user.role for user in users.everybody(ledger)] == ["viewer", "admin"]


def test_the_first_link_works_once(ledger: Ledger) -> None:
    link = sessions.first_link(ledger)
    assert link is not None
    token = sessions.enter(ledger, link, "127.0.0.1")
    row = sessions.find(ledger, token)
    assert row is not None
    assert row.user.role == "admin"
    for bad in (link, "invented", ""):
        with pytest.raises(BadLink):
            sessions.enter(ledger, bad, "127.0.0.1")
    assert sessions.first_link(ledger) is None  # a user has got in
    assert sessions.new_link(ledger)
    assert len(users.everybody(ledger)) == 1


def test_a_newer_link_ends_the_older_one_and_age_ends_any(ledger: Ledger, ada: User) -> None:
    _, old = sessions.link(ledger, ada.user_id, "start")
    _, new = sessions.link(ledger, ada.user_id, "start")
    with pytest.raises(BadLink):
        sessions.enter(ledger, old, "127.0.0.1")
    with ledger.transaction() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(sqlalchemy.update(LINKS).values(expires_at=past))
    with pytest.raises(BadLink):
        sessions.enter(ledger, new, "127.0.0.1")


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


def test_an_invited_user_logs_in_by_the_link(ledger: Ledger) -> None:
    token = sessions.invite(ledger, " Eve ", "viewer", "usr_admin")
    session = sessions.find(ledger, sessions.enter(ledger, token, "127.0.0.1"))
    assert session is not None
    assert session.user.name == "Eve"
    with pytest.raises(AccountError, match="no user usr_unknown"):
        sessions.link(ledger, "usr_unknown", "usr_admin")


def test_each_role_of_people_may_do_at_least_what_a_viewer_may() -> None:
    for role in PEOPLE:
        assert RIGHTS[Role.VIEWER] <= RIGHTS[role]
    assert rights_of("emperor") == frozenset()
    assert rights_of("admin") == frozenset(Right)
