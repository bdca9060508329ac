"""Sessions, throttled log-ins and links, on both databases."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from streams.services.accounts import sessions, users
from streams.services.accounts.sessions import BadLink
from streams.services.accounts.users import AccountError, TooBusy, TooManyTries, User, WrongLogin
from streams.store import accounts
from streams.store.account_tables import AUDIT, LINKS, SESSIONS
from streams.store.database import Ledger
from tests.support.account_names import PASSWORD, actions
from tests.support.accounts import create_user

AS_RELEASED = (users.HASHER, users.NOBODY)


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


def test_an_invited_user_logs_in_by_the_link(ledger: Ledger) -> None:
    token = sessions.invite(ledger, " Eve ", "viewer", "usr_admin")
    session = sessions.find(ledger, sessions.enter(ledger, token, "127.0.0.1"))
    assert session is not None
    assert session.user.name == "Eve"
    with pytest.raises(AccountError, match="no user usr_unknown"):
        sessions.link(ledger, "usr_unknown", "usr_admin")
