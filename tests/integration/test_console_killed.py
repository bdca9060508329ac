"""Killing the database, or the console itself, while verdicts are being saved.

The reviewer's browser does what a person would: it sends the same form again until it is
informed that the verdict is saved. In the end each task has one verdict, in the ledger and in the
outbox, and the audit log holds.
"""

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
import sqlalchemy

from streams.contract import topics
from streams.ops.forking import Running
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.services.accounts import sessions
from streams.store import audit
from streams.store.account_tables import OUTBOX
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger, LedgerAway
from streams.store.tables import VERDICTS
from streams.web.console.auth import COOKIE
from tests.support.accounts import create_user
from tests.support.forks import forks
from tests.support.postgres import NoPostgres, PrivatePostgres
from tests.support.stories import a_task

pytestmark = pytest.mark.pipeline

TASKS = 8
PATIENCE_S = 90


class Process:
    """``earmark worker console``, started and killed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: Running | None = None

    def start(self) -> None:
        environment = os.environ | self.settings.environment()
        with Path(os.devnull).open("wb") as nothing:
            self.process = forks().start(
                "streams.cli.main", ["worker", "console"], environment, nothing
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(
        ledger=url,
        store=f"file://{folder}/store",
        console_port=free_port(),
        metrics_port=free_port(),
        brokers=f"127.0.0.1:{free_port()}",  # no broker: verdicts wait in the outbox
    )


def prepared(ledger: Ledger) -> tuple[list[str], str]:
    tasks = [a_task(ledger, f"T-{number}", title=f"Song {number}") for number in range(TASKS)]
    return tasks, sessions.begin(ledger, create_user(ledger, "ada", "reviewer"))


def patient(client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
    """Try until an answer is final."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            answer = client.request(method, path, **more)  # type: ignore[arg-type] # passed on
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code not in (500, 503):
            return answer
        time.sleep(0.1)
    raise TimeoutError(path)


def review_all(settings: Settings, token: str, task_ids: list[str], at: list[int]) -> None:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{settings.console_port}", cookies={COOKIE: token}, timeout=10
    ) as client:
        for task_id in task_ids:
            csrf = _field(patient(client, "GET", f"/tasks/{task_id}").text, "csrf")
            patient(client, "POST", f"/tasks/{task_id}/take", data={"csrf": csrf})
            form_id = _field(patient(client, "GET", f"/tasks/{task_id}").text, "form_id")
            form = {"csrf": csrf, "form_id": form_id, "finding": "None"}
            form["reason"] = "R-HUMAN-PERFORMANCE"
            answer = patient(client, "POST", f"/tasks/{task_id}/verdict", data=form)
            assert answer.status_code == 303, answer.text[-2_000:]
            at[0] += 1


def _field(page: str, name: str) -> str:
    matched = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert matched is not None, page[-1_500:]
    return matched[1]


@contextmanager
def disturbed(process: Process, disturb: object, every: int, at: list[int]) -> Iterator[None]:
    """Disturb each time that some more verdicts have been saved, while more are on their way."""
    stop = threading.Event()

    def run() -> None:
        seen = 0
        while not stop.wait(0.01):
            if at[0] >= seen + every:
                seen = at[0]
                disturb()  # type: ignore[operator] # a callable

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def check(ledger: Ledger, task_ids: list[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with ledger.reading() as connection:
                verdicts = Counter(connection.scalars(sqlalchemy.select(VERDICTS.c.task_id)))
                states = set(connection.scalars(sqlalchemy.select(STATES.c.state)))
                values = connection.scalars(
                    sqlalchemy.select(OUTBOX.c.value).where(
                        OUTBOX.c.topic == topics.REVIEWS_DECIDED
                    )
                ).all()
            break
        except LedgerAway:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert verdicts == dict.fromkeys(task_ids, 1)
    assert states == {"closed"}
    sent = Counter(orjson.loads(bytes(one))["task_id"] for one in values)
    assert sent == dict.fromkeys(task_ids, 1)
    assert audit.verify(ledger).fault is None


def test_the_console_is_killed_and_no_verdict_is_lost_or_doubled(tmp_path: Path) -> None:
    settings = settings_of(f"sqlite:///{tmp_path}/ledger.db", tmp_path)
    ledger = Ledger.open(settings.ledger)
    task_ids, token = prepared(ledger)
    process, at, kills = Process(settings), [0], []

    def disturb() -> None:
        process.kill()
        kills.append(at[0])
        process.start()

    process.start()
    try:
        with disturbed(process, disturb, 3, at):
            review_all(settings, token, task_ids, at)
    finally:
        process.kill()
    assert len(kills) >= 2
    check(ledger, task_ids)


def test_the_database_is_killed_and_no_verdict_is_lost_or_doubled(tmp_path: Path) -> None:
    try:
        server = PrivatePostgres()
    except NoPostgres as error:
        pytest.skip(str(error))
    with server:
        settings = settings_of(server.url, tmp_path)
        ledger = Ledger.open(settings.ledger)
        task_ids, token = prepared(ledger)
        process, at, kills = Process(settings), [0], []

        def disturb() -> None:
            server.stop()
            kills.append(at[0])
            time.sleep(0.5)
            server.start()

        process.start()
        try:
            with disturbed(process, disturb, 3, at):
                review_all(settings, token, task_ids, at)
        finally:
            process.kill()
        assert len(kills) >= 2
        check(ledger, task_ids)
