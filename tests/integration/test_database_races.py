"""Two at once, on both databases: PostgreSQL shows each its own past unless it has to wait."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy
from argon2 import PasswordHasher

from detector.errors import EarmarkError
from streams.contract import topics
from streams.contract.records import Upload
from streams.contract.records.reviews import Appellant
from streams.services import appeals, webhooks
from streams.services.accounts import sessions, users
from streams.services.accounts.users import AccountError, TooManyTries, WrongLogin
from streams.services.appeals import BadAppeal
from streams.store import accounts, audit, outbox
from streams.store import webhooks as webhook_store
from streams.store.account_tables import DELIVERIES, USERS
from streams.store.database import Ledger, LedgerAway, insert_new
from streams.store.tables import APPEALS, UPLOADS
from streams.web.api import intake
from streams.web.api.problems import ProblemError
from tests.support.accounts import create_user
from tests.support.events import message, verdict
from tests.support.stories import tell

AT_ONCE = 6
SLOW_S = 0.15


def slow(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with time for others to come between what was read and what is written."""

    def slowly(*arguments: Any, **named: Any) -> Any:
        time.sleep(SLOW_S)
        return function(*arguments, **named)

    return slowly


def together(action: Callable[[int], Any]) -> list[Any]:
    """Call it from several threads at once; return what each gave, or its error."""
    gate = threading.Barrier(AT_ONCE)

    def call(number: int) -> Any:
        gate.wait(10)
        try:
            return action(number)
        except (EarmarkError, ProblemError) as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(call, range(AT_ONCE)))


def count(ledger: Ledger, table: sqlalchemy.Table, *where: Any) -> int:
    with ledger.reading() as connection:
        question = sqlalchemy.select(sqlalchemy.func.count()).select_from(table).where(*where)
        return connection.scalars(question).one()  # prose: of SQLAlchemy


def test_one_idempotency_key_is_one_request(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "publish", slow(outbox.publish))
    upload = Upload(track_id="T-1", uri="file:///1.wav")
    resources = cast(Any, SimpleNamespace(ledger=ledger))
    ada = create_user(ledger, "Ada", "reviewer")
    taken = together(lambda _: intake.take_in(resources, upload, ada, "k"))
    assert sorted(one.again for one in taken) == [False] + [True] * (AT_ONCE - 1)
    assert count(ledger, UPLOADS) == 1


def test_one_appellant_has_one_open_appeal(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    decided, _ = tell(ledger)
    monkeypatch.setattr(outbox, "publish", slow(outbox.publish))

    def hand_in(number: int) -> Any:
        return appeals.receive(
            ledger,
            decided.decision_id,
            appellant=Appellant(type="artist", id="artist-7"),
            grounds="not_ai",
            statement=f"I played it ({number}).",
            by="key_1",
        )

    answers = together(hand_in)
    refused = [one for one in answers if isinstance(one, BadAppeal)]
    assert {one.reason for one in refused} == {"already_open"}
    assert (len(refused), count(ledger, APPEALS)) == (AT_ONCE - 1, 1)


@pytest.mark.parametrize("due", ["a new event", "a replay"])
def test_no_delivery_waits_for_a_webhook_that_ends(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, due: str
) -> None:
    webhook_id, _ = webhooks.create(ledger, "http://203.0.113.1/", [topics.REVIEWS_DECIDED], "ada")
    if due == "a replay":
        enqueue(ledger, 0)
        monkeypatch.setattr(audit, "append", slow(audit.append))
    else:
        monkeypatch.setattr("streams.store.webhooks.insert_new", slow(insert_new))

    def act(number: int) -> None:
        time.sleep(number * SLOW_S / AT_ONCE)
        if number == AT_ONCE // 2:
            webhooks.end(ledger, webhook_id, "ada")
        elif due == "a replay":
            webhooks.replay(ledger, webhook_id, datetime(2026, 1, 1, tzinfo=UTC), "ada")
        else:
            enqueue(ledger, number)

    assert together(act) == [None] * AT_ONCE
    assert count(ledger, DELIVERIES, DELIVERIES.c.state == "waiting") == 0


def enqueue(ledger: Ledger, number: int) -> None:
    event = message(topics.REVIEWS_DECIDED, verdict(verdict_id=f"vrd_{number}"))
    with ledger.transaction() as connection:
        webhook_store.enqueue(connection, [event])


def test_admins_who_close_each_others_accounts_leave_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    admins = [create_user(ledger, f"a{n}", "admin").user_id for n in range(AT_ONCE)]
    monkeypatch.setattr(audit, "append", slow(audit.append))

    def close(number: int) -> None:
        users.change(ledger, admins[number], role="viewer", active=True, by=admins[number])

    answers = together(close)
    assert [type(one) for one in answers if one is not None] == [AccountError]
    assert count(ledger, USERS, USERS.c.role == "admin") == 1


def test_many_guesses_at_once_are_as_few(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(users, "NOBODY", hasher.hash("no such user"))
    monkeypatch.setattr(users, "TRIES_OF_BOTH", 2)
    # between the look and the counting
    monkeypatch.setattr(accounts, "add_attempt", slow(accounts.add_attempt))
    answers = together(lambda _: users.log_in(ledger, "Ada", "guess", "10.0.0.9"))
    kinds = [type(one) for one in answers]
    assert kinds.count(WrongLogin) == 2
    # on a busy machine SQLite may be locked for too long, which refuses the guess as well
    assert all(issubclass(one, (WrongLogin, TooManyTries, LedgerAway)) for one in kinds)


def test_processes_that_start_together_make_one_admin(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "add", slow(users.add))
    links = together(lambda _: sessions.first_link(ledger))
    assert all(isinstance(one, str) for one in links)
    assert count(ledger, USERS) == 1
