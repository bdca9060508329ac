"""Webhooks on both databases: real receivers on loopback, a resolver of the test.

One address stands for the public internet, the other for the internal network.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import Any, cast

import pytest
import sqlalchemy

from streams.contract import topics
from streams.media.fetch_http import Http, resolve
from streams.services import webhooks
from streams.services.webhooks import ATTEMPTS, BadWebhook, Sender, signature
from streams.store import audit
from streams.store import webhooks as webhook_store
from streams.store.account_tables import DELIVERIES, WEBHOOKS
from streams.store.database import Ledger
from tests.support.events import message, verdict

PUBLIC, INSIDE = "127.0.0.2", "127.0.0.1"
ANSWER_S = 0.6


class Receiver(BaseHTTPRequestHandler):
    """Takes what is posted; notes it with the address that it came to."""

    got: list[tuple[str, str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        came_to = str(cast(Any, self.server).server_address[0])
        self.got.append((came_to, self.path, dict(self.headers.items()), body))
        if self.path == "/drip":  # a byte at a time, each well within any timeout of a read
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 1_000:
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)
            return
        status = {"/busy": 503, "/away": 302}.get(self.path, 204)
        self.send_response(status)
        if self.path == "/away":
            self.send_header("Location", f"http://{INSIDE}:{cast(Any, self.server).server_port}/in")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(address: str, port: int = 0) -> Iterator[int]:
    item = ThreadingHTTPServer((address, port), Receiver)
    item.daemon_threads = True
    threading.Thread(target=item.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield int(item.server_address[1])
    finally:
        item.shutdown()
        item.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    Receiver.got = []
    with ExitStack() as stack:
        number = stack.enter_context(served(PUBLIC))
        stack.enter_context(served(INSIDE, number))
        yield number


def world(host: str, port: int) -> list[str]:
    known = {"label.example": [PUBLIC], "inside.example": [INSIDE], "siem.internal": [INSIDE]}
    return known.get(host) or resolve(host, port)


@pytest.fixture
def sender(ledger: Ledger) -> Iterator[Sender]:
    is_public: Callable[[Any], bool] = lambda address: address == IPv4Address(PUBLIC)  # noqa: E731
    http = Http(ANSWER_S, world, is_public, frozenset({"siem.internal"}))
    made = Sender(ledger, http, first_pause_s=0.2)
    yield made
    made.stop()


def hook(ledger: Ledger, url: str) -> tuple[str, str]:
    return webhooks.create(ledger, url, [topics.REVIEWS_DECIDED], "usr_admin")


def owe(ledger: Ledger, count: int = 1, start: int = 0, **answer: Any) -> None:
    with ledger.transaction() as connection:
        for number in range(start, start + count):
            ruling = verdict(verdict_id=f"vrd_{number}", **answer)
            webhook_store.enqueue(connection, [message(topics.REVIEWS_DECIDED, ruling)])


def rows(ledger: Ledger, webhook_id: str) -> list[Any]:
    question = sqlalchemy.select(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id)
    with ledger.reading() as connection:
        return list(connection.execute(question.order_by(DELIVERIES.c.created_at)).all())


def post(sender: Sender) -> None:
    wait(sender.send_due(), 10)


def test_what_is_owed_is_posted_signed_and_once(ledger: Ledger, sender: Sender, port: int) -> None:
    webhook_id, secret = hook(ledger, f"http://label.example:{port}/hook")
    owe(ledger, 3, notes="she sounds drunk")
    owe(ledger, 3, notes="she sounds drunk")  # the events come again
    for _ in range(2):
        post(sender)
    assert [(row.state, row.status) for row in rows(ledger, webhook_id)] == [("delivered", 204)] * 3
    assert len(Receiver.got) == 3
    for came_to, _, headers, body in Receiver.got:
        signed = signature(secret, headers["Earmark-Timestamp"], body)
        assert (came_to, headers["Earmark-Signature"]) == (PUBLIC, signed)
        assert json.loads(body)["delivery_id"] == headers["Earmark-Delivery"]
        assert "notes" not in json.loads(body)["data"], "they are for colleagues"


@pytest.mark.parametrize(
    "where",
    [
        "http://inside.example:{port}/in",
        "http://127.0.0.1:{port}/in",
        "http://2130706433:{port}/in",
        "http://[::ffff:127.0.0.1]:{port}/in",
        "http://localhost:{port}/in",
        "http://label.example:{port}/away",
    ],
)
def test_nothing_is_posted_inside(ledger: Ledger, sender: Sender, port: int, where: str) -> None:
    webhook_id, _ = hook(ledger, where.format(port=port))
    owe(ledger)
    post(sender)
    (row,) = rows(ledger, webhook_id)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.status == 302 or "EARMARK_WEBHOOK_HOSTS" in row.error
    assert [came_to for came_to, *_ in Receiver.got if came_to == INSIDE] == []


def test_but_to_hosts_that_the_operator_names(ledger: Ledger, sender: Sender, port: int) -> None:
    webhook_id, _ = hook(ledger, f"http://SIEM.internal:{port}/hook")
    owe(ledger)
    post(sender)
    assert [row.state for row in rows(ledger, webhook_id)] == ["delivered"]
    assert [came_to for came_to, *_ in Receiver.got] == [INSIDE]


def test_a_webhook_that_drips_or_breaks_stalls_nobody(
    ledger: Ledger, sender: Sender, port: int
) -> None:
    bad = [hook(ledger, f"http://label.example:{port}/drip")[0] for _ in range(2)]
    broken, _ = hook(ledger, f"http://label.example:{port}/hook")
    with ledger.transaction() as connection:  # from before such addresses were refused
        this_hook = WEBHOOKS.c.webhook_id == broken
        worse = f"http://{'x' * 64}.example:{port}/"
        connection.execute(sqlalchemy.update(WEBHOOKS).where(this_hook).values(url=worse))
    good, _ = hook(ledger, f"http://label.example:{port}/hook")
    owe(ledger, 25)
    began = time.monotonic()
    for work in sender.send_due():
        work.result(5)
    assert time.monotonic() - began < 5, "a send has one deadline, not one for each byte"
    states = [row.state for row in rows(ledger, good)]
    assert (states.count("delivered"), len(states)) == (20, 25)
    for webhook_id in (*bad, broken):
        tried = [row for row in rows(ledger, webhook_id) if row.attempts]
        assert len(tried) == 1, "it rests, with all that it is owed"
        assert tried[0].error
    post(sender)
    assert {row.state for row in rows(ledger, good)} == {"delivered"}


def test_tries_end_and_a_replay_begins_again(ledger: Ledger, sender: Sender, port: int) -> None:
    webhook_id, _ = hook(ledger, f"http://label.example:{port}/busy")
    owe(ledger)
    for _ in range(ATTEMPTS + 1):
        with ledger.transaction() as connection:
            past = datetime.now(UTC) - timedelta(seconds=1)
            connection.execute(sqlalchemy.update(DELIVERIES).values(next_at=past))
        post(sender)
    (row,) = rows(ledger, webhook_id)
    assert (row.state, row.attempts, row.status) == ("given_up", ATTEMPTS, 503)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert webhooks.replay(ledger, webhook_id, since, "usr_admin") == 1
    assert [row.state for row in rows(ledger, webhook_id)] == ["waiting"]


def test_an_ended_webhook_is_told_nothing_more(ledger: Ledger, sender: Sender, port: int) -> None:
    webhook_id, _ = hook(ledger, f"http://label.example:{port}/hook")
    owe(ledger)
    webhooks.end(ledger, webhook_id, "usr_admin")
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.update(DELIVERIES).values(state="waiting"))  # it came late
    post(sender)
    assert Receiver.got == []
    since = datetime.now(UTC) - timedelta(hours=1)
    assert webhooks.replay(ledger, webhook_id, since, "usr_admin") == 0


def test_ending_a_webhook_twice_is_noted_once(one_ledger: Ledger) -> None:
    webhook_id, _ = webhooks.create(one_ledger, "https://a.example", [topics.DECIDED], "usr_1")
    for each in (webhook_id, webhook_id, "whk_invented"):
        webhooks.end(one_ledger, each, "usr_1")
    part = audit.listed(one_ledger, "usr_1", None, 10)
    assert [row["action"] for row in part.rows] == ["webhook_ended", "webhook_created"]


def test_what_is_ended_while_it_is_posted_stays_given_up(
    ledger: Ledger, sender: Sender, port: int
) -> None:
    webhook_id, _ = hook(ledger, f"http://label.example:{port}/drip")
    owe(ledger)
    work = sender.send_due()
    ends = time.monotonic() + 5
    while not Receiver.got:
        assert time.monotonic() < ends
        time.sleep(0.01)
    webhooks.end(ledger, webhook_id, "usr_admin")
    wait(work, 10)
    assert [row.state for row in rows(ledger, webhook_id)] == ["given_up"]


@pytest.mark.parametrize(
    "where",
    [
        "", "label.example", "ftp://label.example/", "http://", "http:///path", "http://[::1/",
        "http://label.example:port/", "http://label.example:99999/", "http://u:p@label.example/",
        "http://u@label.example/", f"http://{'x' * 64}.example/", "http://a..example/",
        "http://label.example/" + "x" * 2_000, "http://\u2025.example/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_addresses_that_will_not_do(one_ledger: Ledger, where: str) -> None:
    with pytest.raises(BadWebhook):
        webhooks.create(one_ledger, where, [topics.DECIDED], "usr_admin")


@pytest.fixture(scope="module")
def one_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('hooks')}/ledger.db")
    yield opened
    opened.close()
