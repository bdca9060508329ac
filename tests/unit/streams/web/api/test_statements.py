"""Bounces by HTTP."""

from streams.services.mail_server import MailServer
from streams.services.signed_links import LinkSigner
from streams.services.statement_delivery import StatementSender, set_address
from streams.store import statement_deliveries
from tests.support.console import Console
from tests.support.mail import Mailbox, restrict, serving


def test_a_mail_that_came_back_is_reported_by_its_distributor_alone(console: Console) -> None:
    ledger = console.resources.ledger
    set_address(ledger, "D-1", "desk@label.example", language="en", digest=False, by="ada")
    statement = restrict(ledger)
    path, why = f"statements/{statement.statement_id}/bounce", {"reason": "550 mailbox full"}
    program = console.program("ingest", "D-1")
    anyone = console.program("ingest")
    assert anyone.post(path, json=why).json()["code"] == "not_delivered"
    with serving(Mailbox()) as port:
        server = MailServer("127.0.0.1", "labels@platform.example", port, "none")
        StatementSender(ledger, server, LinkSigner((), "", 1)).send_due()
    other = console.program("ingest", "D-2")
    assert other.post(path, json=why).json()["code"] == "no_such_statement"
    assert program.post(path, json=why).status_code == 204
    (row,) = statement_deliveries.listed(ledger, None, 9).rows
    assert (row["state"], row["error"]) == ("bounced", "550 mailbox full")
