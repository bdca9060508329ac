"""A real mail server on this machine, and restrictions whose statements it receives."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from streams.contract import topics
from streams.contract.records import Outcome
from streams.contract.records.policy import StatementWritten
from streams.policy.decide import decide
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.events import classified, message
from tests.support.stories import CLAIMS_NONE, POLICY, tell


@dataclass
class Mailbox:
    """What the server received; ``answers``: the replies to recipients and contents, in order."""

    received: list[EmailMessage] = field(default_factory=list)
    recipient_answers: list[str] = field(default_factory=list)
    content_answers: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Accept a recipient, unless another answer is next."""
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail, unless another answer is next."""
        if self.content_answers:
            return self.content_answers.pop(0)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        assert envelope.rcpt_tos == [mail["To"]]
        self.received.append(mail)
        return f"250 queued as {len(self.received)}"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(mailbox: Mailbox, port: int = 0, **options: Any) -> Iterator[int]:
    """Yield the port of a mail server."""
    server = Controller(mailbox, hostname="127.0.0.1", port=port or free_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def restrict(ledger: Ledger, track_id: str = "T-1", **upload: Any) -> StatementWritten:
    """Have a track restricted, now; return its statement, which the ledger has."""
    decided, _ = tell(ledger, track_id, **{"distributor": "D-1", **upload})
    event = classified(Outcome.IDENTIFIED, declared=CLAIMS_NONE, track_id=track_id)
    written = decide(event, POLICY).statement
    assert written is not None
    names = ("decision_id", "upload_id", "track_id", "statement_id")
    statement = written.model_copy(update={name: getattr(decided, name) for name in names})
    store(ledger, statement, datetime.now(UTC))
    return statement


def store(ledger: Ledger, statement: StatementWritten, at: datetime) -> None:
    """Store a statement that was written at a moment, as the pipeline would."""
    at_ms = int(at.timestamp() * 1_000)
    project(ledger, [message(topics.STATEMENTS_WRITTEN, statement, timestamp_ms=at_ms)])
