"""Delivery of statements, on both databases, to a real mail server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from streams.contract import topics
from streams.media.artefacts import ArtefactStore
from streams.services import erasure, statement_delivery, webhooks
from streams.services.mail_server import MailServer
from streams.services.signed_links import LinkSigner, open_link
from streams.services.statement_delivery import BadDelivery, StatementSender, next_digest
from streams.store import audit, task_states
from streams.store import statement_deliveries as deliveries
from streams.store import webhooks as webhook_store
from streams.store.account_tables import DELIVERIES
from streams.store.database import Ledger
from streams.store.erasure import rows as erasure_rows
from tests.support.mail import Mailbox, free_port, restrict, serving, store

FROM, TO = "labels@platform.example", "desk@label.example"
SIGNER = LinkSigner((b"k" * 40,), "https://music.example", 200)


def address(ledger: Ledger, language: str = "en", *, digest: bool = False) -> None:
    statement_delivery.set_address(ledger, "D-1", TO, language=language, digest=digest, by="ada")


def sender(ledger: Ledger, port: int, signer: LinkSigner = SIGNER) -> StatementSender:
    server = MailServer("127.0.0.1", FROM, port, "none")
    return StatementSender(ledger, server, signer, first_pause_s=0.001)


def rows(ledger: Ledger) -> dict[str, Any]:
    """Return the deliveries by track."""
    return {row["track_id"]: row for row in deliveries.listed(ledger, None, 100).rows}


def make_due(ledger: Ledger) -> None:
    long_ago = {"next_at": datetime.now(UTC) - timedelta(hours=1)}
    with ledger.transaction() as connection:
        for row in rows(ledger).values():
            deliveries.change(connection, row["statement_id"], long_ago)


def task_of(ledger: Ledger, row: Any) -> Any:
    with ledger.reading() as connection:
        return task_states.of_reviewer(connection, row["task_id"], "usr_1")


def test_a_statement_is_mailed_once_however_often_the_server_was_away(ledger: Ledger) -> None:
    early = restrict(ledger, "T-0")
    port, box = free_port(), Mailbox()
    address(ledger)
    store(ledger, early, datetime.now(UTC) - timedelta(days=1))
    statement = restrict(ledger, title="Nachtfahrt")
    assert set(rows(ledger)) == {"T-1"}, "T-0 was restricted before there was an address"
    for _ in range(3):
        sender(ledger, port).send_due()
        assert rows(ledger)["T-1"]["state"] == "waiting"
        assert rows(ledger)["T-1"]["attempts"] == 0, "an outage is no attempt"
        make_due(ledger)
    assert "127.0.0.1" in rows(ledger)["T-1"]["error"]
    box.recipient_answers = ["451 greylisted, come back later"]
    with serving(box, port):
        for _ in range(3):  # refused for now; accepted; nothing left
            sender(ledger, port).send_due()
            make_due(ledger)
        store(ledger, statement, datetime.now(UTC))  # the event comes again
        assert sender(ledger, port).send_due() == 0
    (mail,) = box.received
    content = mail.get_content().replace("\r\n", "\n")
    assert mail["Subject"] == "Statement of reasons: Nachtfahrt"
    assert statement.texts["en"] in content
    (url,) = [line for line in content.splitlines() if line.startswith("https://music.example")]
    opened = open_link(ledger, SIGNER, url.rpartition("/")[2])
    assert opened.about == statement.decision_id
    row = rows(ledger)["T-1"]
    assert (row["state"], row["attempts"], row["receipt"]) == ("delivered", 2, "queued as 1")
    assert (row["address"], row["distributor"], row["error"]) == (TO, "D-1", None)
    assert row["ended_at"] > row["created_at"]


def test_what_cannot_be_delivered_is_a_task_until_it_is(ledger: Ledger) -> None:
    address(ledger, "de")
    statement, _ = restrict(ledger), restrict(ledger, "T-2", distributor="D-2")
    box = Mailbox([], ["550 5.1.1 no such user"])
    with serving(box) as port:
        out = sender(ledger, port, LinkSigner((), "", 1))
        assert out.send_due() == 2
        refused, nowhere = rows(ledger)["T-1"], rows(ledger)["T-2"]
        assert (refused["state"], refused["error"]) == ("refused", "550 5.1.1 no such user")
        assert (nowhere["state"], nowhere["error"]) == ("no_address", "no address of D-2")
        for row in (refused, nowhere):
            task = task_of(ledger, row)
            assert (task.state, task.kind, task.queue) == ("open", "statement", "statements")
            assert task.decision_id == row["decision_id"]
        with ledger.reading() as connection:
            assert set(deliveries.counts(connection)) == {"refused", "no_address"}
        assert out.send_due() == 0, "5xx is not tried again"
        statement_delivery.resend(ledger, [statement.statement_id], by="ada")
        out.send_due()
    (mail,) = box.received
    assert mail["Subject"].startswith("Begründung einer Entscheidung")
    assert "music.example" not in mail.get_content(), "no key, no link"
    assert rows(ledger)["T-1"]["state"] == "delivered"
    assert task_of(ledger, refused).state == "cancelled"
    statement_delivery.record_bounce(ledger, statement.statement_id, f"<{TO}> full", by="key_1")
    statement_delivery.record_bounce(ledger, statement.statement_id, "again", by="key_1")
    bounced = rows(ledger)["T-1"]
    assert (bounced["state"], bounced["error"]) == ("bounced", "<> full")
    assert task_of(ledger, bounced).state == "open"
    with pytest.raises(BadDelivery, match="not_delivered"):
        statement_delivery.record_bounce(ledger, nowhere["statement_id"], "", by="key_1")
    with pytest.raises(BadDelivery, match="no_such_statement"):
        statement_delivery.resend(ledger, ["sor_unknown"], by="ada")


def test_a_forgotten_distributor_is_one_task(ledger: Ledger) -> None:
    address(ledger)
    names = ("D-2", "D-2", "D-3", None, "D-2")
    lost = [restrict(ledger, f"T-{at}", distributor=name) for at, name in enumerate(names)]
    box = Mailbox()
    with serving(box) as port:
        out = sender(ledger, port, LinkSigner((), "", 1))
        out.send_due()
        tasks = [rows(ledger)[f"T-{at}"]["task_id"] for at in range(len(names))]
        assert len(set(tasks)) == 3
        assert tasks[0] == tasks[1] == tasks[4]
        statement_delivery.set_address(ledger, "D-2", TO, language="en", digest=False, by="ada")
        for at, state in ((0, "open"), (1, "open"), (4, "cancelled")):
            statement_delivery.resend(ledger, [lost[at].statement_id], by="ada")
            out.send_due()
            assert task_of(ledger, {"task_id": tasks[0]}).state == state, "until all are delivered"
    assert len(box.received) == 3


def test_the_task_of_a_distributor_outlives_the_track_that_opened_it(ledger: Ledger) -> None:
    address(ledger)
    for track_id in ("T-1", "T-2"):
        restrict(ledger, track_id, distributor="D-2")
        sender(ledger, 9).send_due()
    row = rows(ledger)["T-2"]
    assert task_of(ledger, row).track_id == "T-1"
    with ledger.transaction() as connection:
        assert dict(erasure_rows(connection, ["T-1"], really=True))["uploads"] == 1
    assert (task_of(ledger, row).state, task_of(ledger, row).track_id) == ("open", "T-2")


def test_a_digest_gathers_what_a_day_brought(ledger: Ledger) -> None:
    address(ledger, digest=True)
    for number in range(3):
        restrict(ledger, f"T-{number}")
    box = Mailbox()
    with serving(box) as port:
        out = sender(ledger, port)
        out.send_due()
        waiting = rows(ledger).values()
        assert all(row["next_at"] == next_digest(row["created_at"], 6) for row in waiting)
        assert not box.received
        with ledger.transaction() as connection:
            for row in waiting:
                before = row["created_at"] - timedelta(days=1)
                change = {"created_at": before, "next_at": before}
                deliveries.change(connection, row["statement_id"], change)
        out.send_due()
    (mail,) = box.received
    assert mail["Subject"] == "Statements of reasons of the day: 3"
    assert {row["state"] for row in rows(ledger).values()} == {"delivered"}


def test_a_webhook_of_the_distributor_gets_it_and_without_an_address_is_the_receipt(
    ledger: Ledger,
) -> None:
    url, events = "https://label.example/hook", [topics.STATEMENTS_WRITTEN]
    for wrong in ([topics.DECIDED], [*events, topics.DECIDED]):
        with pytest.raises(webhooks.BadWebhook):
            webhooks.create(ledger, url, wrong, "ada", "D-1")
    webhooks.create(ledger, url, events, "ada", "D-1")
    webhooks.create(ledger, "https://other.example/hook", events, "ada", "D-2")
    statement = restrict(ledger)
    out = sender(ledger, 1)
    out.send_due()
    with ledger.reading() as connection:
        (post,) = connection.execute(select(DELIVERIES)).all()
    assert json.loads(post.body)["data"] == json.loads(statement.to_bytes())
    for result, state in (("waiting", "waiting"), ("given_up", "given_up")):
        settle(ledger, post.delivery_id, result)
        make_due(ledger)
        out.send_due()
        assert rows(ledger)["T-1"]["state"] == state
    failed = rows(ledger)["T-1"]
    assert task_of(ledger, failed).state == "open"
    statement_delivery.resend(ledger, [statement.statement_id], by="ada")
    out.send_due()
    settle(ledger, post.delivery_id, "delivered")  # it was due again
    make_due(ledger)
    out.send_due()
    assert rows(ledger)["T-1"]["state"] == "delivered"
    assert task_of(ledger, failed).state == "cancelled"


def settle(ledger: Ledger, delivery_id: str, state: str) -> None:
    with ledger.transaction() as connection:
        webhook_store.settle(connection, delivery_id, {"state": state})


def test_the_next_digest_is_today_or_tomorrow() -> None:
    at = datetime(2026, 11, 30, 5, 59, tzinfo=UTC)
    assert next_digest(at, 6) == datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert next_digest(at + timedelta(minutes=1), 6) == datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_without_a_mail_server_statements_wait(ledger: Ledger) -> None:
    address(ledger)
    restrict(ledger)
    StatementSender(ledger, None, SIGNER).send_due()
    row = rows(ledger)["T-1"]
    assert (row["state"], row["error"]) == ("waiting", "there is no mail: set EARMARK_SMTP_HOST")


def test_an_address_is_valid_and_can_be_forgotten(ledger: Ledger, tmp_path: object) -> None:
    wrong: list[tuple[str, str, str]] = [
        ("D-1", "a@b.example\r\nBcc: c@d.example", "en"),
        ("D-1", TO, "fr"),
        ("", TO, "en"),
    ]
    for distributor, mail, language in wrong:
        with pytest.raises(BadDelivery):
            statement_delivery.set_address(
                ledger, distributor, mail, language=language, digest=False, by="ada"
            )
    address(ledger)
    address(ledger, "de")
    assert [(row.address, row.language) for row in deliveries.addresses(ledger)] == [(TO, "de")]
    restrict(ledger)
    box = Mailbox()
    with serving(box) as port:
        sender(ledger, port).send_due()
    statement_delivery.remove_address(ledger, "D-1", by="ada")
    assert rows(ledger)["T-1"]["address"] is None
    with pytest.raises(BadDelivery, match="no_such_address"):
        statement_delivery.remove_address(ledger, "D-1", by="ada")
    entries = audit.listed(ledger, "D-1", None, 10).rows
    assert [row["action"] for row in entries] == [
        "statement_address_removed",
        *["statement_address_set"] * 2,
    ]
    assert all(TO not in row["detail"] for row in entries), "the audit log stays for ever"
    restored = ArtefactStore.open(f"file://{tmp_path}/store")
    erasure.erase(ledger, restored, ["T-1"], who="test", really=True)
    assert rows(ledger) == {}, "it goes with its track"
