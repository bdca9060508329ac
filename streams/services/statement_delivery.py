"""Delivery of statements of reasons: by mail, alone or in a daily digest, and by webhook.

The sender thread of the console takes what is due and hands it to the mail server. The reply is the
receipt; the row in the ledger has who got what and when. A mail goes out **at least once**: after a
crash between the server's reply and the row, it is sent again with the same Message-ID.

A distributor's webhooks get each statement as well: ``streams.services.webhooks`` posts them. Where
there is no address, a webhook that accepts it is the receipt.

What the recipient's server refuses for now (4xx) is tried again: after 1, 5, 25 minutes, 2 and 10
hours, then every 12 hours, for four days. A mail server that is away costs no attempt. What is
refused for good (5xx), bounces later or has no address becomes a task. A person must know that a
restriction was not explained.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from detector.errors import BadInput, EarmarkError
from streams.contract.mail_addresses import is_mail_address
from streams.contract.printing import printable
from streams.contract.records import stable_id
from streams.contract.records.policy import StatementWritten
from streams.contract.translations import languages
from streams.runtime import metrics
from streams.runtime.settings import PREFIX, Settings
from streams.services import artist_links
from streams.services.mail_server import Connection as MailConnection
from streams.services.mail_server import MailRefused, MailServer, MailServerAway
from streams.services.signed_links import BadLink, LinkSigner
from streams.services.statement_mails import MailedStatement, mail_of
from streams.store import audit, queries, stored_records, task_states, webhooks
from streams.store import statement_deliveries as deliveries
from streams.store.database import Connection, Ledger

log = structlog.get_logger()

SENDER: Final = "statements"  # whom the audit log names
LOOK_S: Final = 5.0
MOST: Final = 50  # in one turn, and in one digest
CLAIM: Final = timedelta(minutes=30)  # then another process may try
FIRST_PAUSE_S: Final = 60.0
GROWTH: Final = 5
LONGEST_PAUSE_S: Final = 12 * 3_600.0
ATTEMPTS: Final = 12
LONGEST_REST_S: Final = 300.0  # of a mail server that is away
AFTER_POST: Final = timedelta(seconds=30)  # until a webhook has probably answered
LATER: Final = timedelta(minutes=1)  # until the ledger has the upload and the decision
WITHOUT_SERVER: Final = timedelta(hours=1)
LONGEST_NAME: Final = 256
LONGEST_DETAIL: Final = 500


class BadDelivery(BadInput):
    """The request is not possible; the reason is a stable code, the detail a sentence."""


def set_address(
    ledger: Ledger, distributor: str, address: str, *, language: str, digest: bool, by: str
) -> None:
    """Set where statements about a distributor's uploads go. The audit log has no address.

    Raises:
        BadDelivery: the address or the language is not valid.
    """
    if not distributor or len(distributor) > LONGEST_NAME:
        raise BadDelivery("bad_distributor", f"a distributor has 1 to {LONGEST_NAME} characters")
    if not is_mail_address(address):
        detail = "a mail address is like desk@label.example, in ASCII; domains as xn--..."
        raise BadDelivery("bad_address", detail)
    if language not in languages():
        raise BadDelivery("bad_language", f"languages are {', '.join(languages())}")
    row: dict[str, Any] = {"distributor": distributor, "address": address, "language": language}
    row |= {"digest": digest, "set_by": by, "since": datetime.now(UTC)}
    about = {"language": language, "digest": digest}
    entry = audit.Entry(by, "statement_address_set", distributor, about)
    with audit.transaction(ledger, entry) as connection:
        deliveries.set_address(connection, row)


def remove_address(ledger: Ledger, distributor: str, *, by: str) -> None:
    """Forget the address of a distributor, in what was delivered to it as well.

    Raises:
        BadDelivery: it has none.
    """
    with ledger.transaction() as connection:
        if not deliveries.remove_address(connection, distributor):
            raise BadDelivery("no_such_address", f"{distributor} has no address")
        audit.append(connection, audit.Entry(by, "statement_address_removed", distributor))


def resend(ledger: Ledger, statement_ids: Collection[str], *, by: str) -> None:
    """Make statements due again, delivered or not.

    Raises:
        BadDelivery: there is no such statement; none is sent.
    """
    now = datetime.now(UTC)
    due = {"state": deliveries.WAITING, "attempts": 0, "next_at": now, "error": None}
    with ledger.transaction() as connection:
        for statement_id in statement_ids:
            if deliveries.find(connection, statement_id) is None:
                statement = queries.statement(connection, statement_id)
                if statement is None:
                    raise _no_such_statement(statement_id)
                deliveries.add(connection, statement, now)
            deliveries.change(connection, statement_id, due)
            audit.append(connection, audit.Entry(by, "statement_resent", statement_id))


def record_bounce(
    ledger: Ledger,
    statement_id: str,
    detail: str,
    *,
    by: str,
    distributors: Collection[str] = (),
) -> None:
    """Record that a delivered statement came back; it becomes a task.

    ``distributors``: whose statements ``by`` may report (none: all).

    Raises:
        BadDelivery: it was not delivered.
    """
    with ledger.transaction() as connection:
        delivery = deliveries.find(connection, statement_id)
        if delivery is None or (distributors and delivery.distributor not in distributors):
            raise _no_such_statement(statement_id)
        if delivery.state == "bounced":
            return
        if delivery.state != deliveries.DELIVERED:
            raise BadDelivery("not_delivered", f"{statement_id} is {delivery.state}")
        error = printable(detail.strip() or "bounced").replace(delivery.address or "\0", "")
        _fail(connection, delivery, "bounced", {"error": error[:LONGEST_DETAIL]})
        audit.append(connection, audit.Entry(by, "statement_bounced", statement_id))


def _no_such_statement(statement_id: str) -> BadDelivery:
    return BadDelivery("no_such_statement", f"there is no statement {statement_id}")


def _fail(connection: Connection, delivery: Any, state: str, values: dict[str, Any]) -> None:
    """End a delivery without success, and open the task by which a person sees it."""
    now, shared = datetime.now(UTC), None
    if state == "no_address":  # a forgotten distributor is one task, whatever it uploads
        audit.lock(connection)  # of many at once, each must see those before
        shared = deliveries.task_without_address(connection, values["distributor"])
    task_id = shared or stable_id("tsk", SENDER, delivery.statement_id, now.isoformat())
    ended = values | {"state": state, "ended_at": now, "task_id": task_id}
    deliveries.change(connection, delivery.statement_id, ended)
    if delivery.task_id != task_id:
        _close_task(connection, delivery.task_id)
    if shared is None:
        task_states.open_undelivered(connection, delivery, task_id, now)
    metrics.STATEMENT_DELIVERIES.labels(state).inc()


def _close_task(connection: Connection, task_id: str | None) -> None:
    """Cancel a task that no undelivered statement needs any more."""
    if task_id is not None and not deliveries.needs_task(connection, task_id):
        task_states.cancel(connection, task_id)


def next_digest(at: datetime, hour: int) -> datetime:
    """Return when the digest goes out that contains a statement of a moment."""
    digest = at.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return digest if at < digest else digest + timedelta(days=1)


@dataclass(frozen=True)
class Mail:
    """What goes out as one mail: one delivery, or those of a digest, to one address."""

    rows: tuple[Any, ...]

    @property
    def ids(self) -> list[str]:
        """The statements in it."""
        return [row.statement_id for row in self.rows]


class StatementSender(threading.Thread):
    """Use ``start`` and ``stop``; several processes may send side by side."""

    def __init__(
        self,
        ledger: Ledger,
        server: MailServer | None,
        signer: LinkSigner,
        digest_hour: int = 6,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        super().__init__(name="statements", daemon=True)
        self._ledger, self._server, self._signer = ledger, server, signer
        self._digest_hour, self._first_pause_s = digest_hour, first_pause_s
        self._stopping = threading.Event()
        self._rest_s = 0.0  # after a failure of the mail server

    @classmethod
    def from_settings(cls, ledger: Ledger, settings: Settings) -> "StatementSender":
        """Return the sender of an installation."""
        server, signer = MailServer.from_settings(settings), LinkSigner.from_settings(settings)
        return cls(ledger, server, signer, settings.digest_hour)

    def stop(self) -> None:
        """Stop after the mail in progress."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Send until stopped."""
        more = False
        while not self._stopping.wait(0 if more else max(LOOK_S, self._rest_s)):
            more = False
            try:
                more = self.send_due() == MOST and not self._rest_s
            except EarmarkError as error:
                log.warning("statements_wait", error=str(error))
            except Exception:  # claimed deliveries are due again later
                log.exception("statements_failed")

    def send_due(self) -> int:
        """Try what is due, at most ``MOST``; return how many were taken."""
        now = datetime.now(UTC)
        with self._ledger.reading() as connection:
            if not deliveries.any_due(connection, now):
                return 0
        with self._ledger.transaction() as connection:
            rows = deliveries.claim(connection, now, now + CLAIM, MOST)
            mails = list(self._mails(connection, rows, now))
        if mails:
            self._send_all(mails)
        return len(rows)

    def _mails(self, connection: Connection, rows: Sequence[Any], now: datetime) -> Iterator[Mail]:
        digests: defaultdict[str, list[Any]] = defaultdict(list)
        for row in rows:
            digest_at = next_digest(row.created_at, self._digest_hour)
            if row.uploaded is None:
                deliveries.put_off(connection, [row.statement_id], now + LATER)
                continue
            posts = _post(connection, row)
            if row.address is None:
                _without_address(connection, row, posts, now)
            elif self._server is None:
                error_text = f"there is no mail: set {PREFIX}SMTP_HOST"
                later = now + WITHOUT_SERVER
                deliveries.put_off(connection, [row.statement_id], later, error_text)
            elif row.digest and now < digest_at:
                deliveries.put_off(connection, [row.statement_id], digest_at)
            elif row.digest:
                digests[row.distributor].append(row)
            else:
                yield Mail((row,))
        for gathered in digests.values():
            yield Mail(tuple(gathered))

    def _send_all(self, mails: Sequence[Mail]) -> None:
        """Send mails by one connection; those that are left are due again a little later."""
        assert self._server is not None  # noqa: S101 - else there are no mails
        left = deque(mails)
        error: EarmarkError | None = None
        try:
            with self._server.connected() as session:
                while left and not self._stopping.is_set():
                    self._send(session, left[0])
                    left.popleft()
            self._rest_s = 0.0
        except MailServerAway as failure:
            error = failure
            self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s or self._first_pause_s)
            log.warning("mail_server_away", error=str(failure), pause_s=self._rest_s)
        if left:
            ids = [statement_id for mail in left for statement_id in mail.ids]
            again = datetime.now(UTC) + timedelta(seconds=self._rest_s)
            with self._ledger.transaction() as connection:
                deliveries.put_off(connection, ids, again, str(error) if error else None)

    def _send(self, session: MailConnection, mail: Mail) -> None:
        """Send one mail and store the result."""
        ready = {row: mailed for row in mail.rows if (mailed := self._mailed(row)) is not None}
        early = [row.statement_id for row in mail.rows if row not in ready]
        if early:
            with self._ledger.transaction() as connection:
                deliveries.put_off(connection, early, datetime.now(UTC) + LATER)
        if not ready:
            return
        mail, row = Mail(tuple(ready)), mail.rows[0]
        statements = list(ready.values())
        message = mail_of(statements, row.language, session.sender, row.address)
        try:
            receipt = session.send(message, row.address)
        except MailRefused as refusal:
            self._failed(mail, refusal)
            return
        result: dict[str, Any] = {"state": deliveries.DELIVERED, "receipt": receipt, "error": None}
        result |= {"ended_at": datetime.now(UTC), "task_id": None}
        with self._ledger.transaction() as connection:
            for row in mail.rows:
                if deliveries.settle(connection, row.statement_id, result | _to(row)):
                    _close_task(connection, row.task_id)
        metrics.STATEMENT_DELIVERIES.labels("delivered").inc(len(mail.rows))

    def _mailed(self, row: Any) -> MailedStatement | None:
        """Return a statement as it goes out; None: the ledger does not have its decision yet."""
        statement = stored_records.read(StatementWritten, row.record)
        if statement is None:
            return None
        url = ""
        try:
            url = artist_links.link_for(self._ledger, self._signer, row.decision_id, by=SENDER).url
        except BadLink as error:
            if error.reason == "no_such_decision":
                return None
            if error.reason != "links_off":
                log.warning("statement_without_link", statement=row.statement_id, error=str(error))
        return MailedStatement(statement, row.title, url)

    def _failed(self, mail: Mail, refusal: MailRefused) -> None:
        with self._ledger.transaction() as connection:
            for row in mail.rows:
                values = _to(row) | {"error": refusal.detail}
                if refusal.is_final or row.attempts + 1 >= ATTEMPTS:
                    state = "refused" if refusal.is_final else "given_up"
                    _fail(connection, row, state, values)
                else:
                    pause = min(LONGEST_PAUSE_S, self._first_pause_s * GROWTH**row.attempts)
                    values["next_at"] = datetime.now(UTC) + timedelta(seconds=pause)
                    deliveries.settle(connection, row.statement_id, values)
                    metrics.STATEMENT_DELIVERIES.labels("failed").inc()


def _post(connection: Connection, row: Any) -> set[str]:
    """Hand a statement to its distributor's webhooks; return the states of these posts."""
    if row.distributor is None:
        return set()
    first = row.attempts == 0  # new, or sent again
    return webhooks.enqueue_statement(connection, row.distributor, row.record, again=first)


def _without_address(connection: Connection, row: Any, posts: set[str], now: datetime) -> None:
    """Store the result of a statement that only webhooks get."""
    values: dict[str, Any] = {"attempts": 1, "distributor": row.distributor}
    if not posts:
        who = printable(row.distributor or "an upload without a distributor")
        _fail(connection, row, "no_address", values | {"error": f"no address of {who}"})
    elif "delivered" in posts:
        result = {"state": deliveries.DELIVERED, "receipt": "webhook", "ended_at": now}
        deliveries.settle(connection, row.statement_id, values | result | {"task_id": None})
        _close_task(connection, row.task_id)
        metrics.STATEMENT_DELIVERIES.labels("delivered").inc()
    elif posts == {"given_up"} and row.attempts:
        _fail(connection, row, "given_up", values | {"error": "the webhook does not accept it"})
    else:
        later = values | {"next_at": now + AFTER_POST}
        deliveries.settle(connection, row.statement_id, later)


def _to(row: Any) -> dict[str, Any]:
    return {
        "attempts": row.attempts + 1,
        "address": row.address,
        "distributor": row.distributor,
    }
