"""The mail server that this installation hands its mail to (SMTP, encrypted and verified)."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final, Self

from detector.errors import SingleReason, Transient
from streams.contract.printing import printable
from streams.runtime.settings import MailSecurity, Settings

ANSWER_S: Final = 30.0
LONGEST_REPLY: Final = 300
HIDDEN: Final = "<address>"


class MailServerAway(Transient):
    """The server does not take mail from us now: away, not trusted, or our log-in is wrong."""


class MailRefused(SingleReason, reason="mail_refused"):
    """The server refused this mail; ``is_final``: it asks not to be tried again (5xx)."""

    def __init__(self, reply: str, is_final: bool) -> None:
        super().__init__(reply)
        self.is_final = is_final


@dataclass(frozen=True)
class MailServer:
    """How to reach the server. ``sender`` is the address that mail comes from."""

    host: str
    sender: str
    port: int = 587
    security: MailSecurity = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return the server of the settings; None: they name none."""
        if settings.smtp_host is None or settings.smtp_from is None:
            return None
        password = settings.smtp_password
        return cls(
            host=settings.smtp_host,
            sender=settings.smtp_from,
            port=settings.smtp_port,
            security=settings.smtp_security,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            ca_file=str(settings.smtp_ca_file) if settings.smtp_ca_file else None,
        )

    @contextmanager
    def connected(self) -> Iterator["Connection"]:
        """Connect, encrypt, verify and log in; quit at the end.

        Raises:
            MailServerAway: one of these failed, or the connection broke.
        """
        session: smtplib.SMTP | None = None
        try:
            session = self._opened()
            if self.security == "starttls":
                session.starttls(context=self._trust())
            if self.username is not None:
                session.login(self.username, self.password or "")
            session.ehlo_or_helo_if_needed()
            yield Connection(session, self.sender)
            session.quit()
        except (OSError, smtplib.SMTPException) as error:
            detail = printable(str(error))[:LONGEST_REPLY]
            raise MailServerAway(f"mail server {self.host}:{self.port}: {detail}") from error
        finally:
            if session is not None:
                session.close()  # without QUIT: after a failure nothing answers it

    def _opened(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=ANSWER_S, context=self._trust())
        return smtplib.SMTP(self.host, self.port, timeout=ANSWER_S)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


@dataclass(frozen=True)
class Connection:
    """An open session; several mails go out by it."""

    session: smtplib.SMTP
    sender: str

    def send(self, message: EmailMessage, address: str) -> str:
        """Hand one mail over; return the server's receipt, the reply to its content.

        Raises:
            MailRefused: the server refuses the recipient or the content.
            SMTPException, OSError: the connection broke, or the server refuses the sender.
        """
        content = message.as_bytes(policy=SMTP)
        code, reply = self.session.mail(self.sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, self.sender)
        code, reply = self.session.rcpt(address)
        if code in (250, 251):
            try:
                code, reply = self.session.data(content)
            except smtplib.SMTPDataError as error:
                code, reply = error.smtp_code, _bytes(error.smtp_error)
        if not 200 <= code < 300:
            if code == 421:  # it closes the session
                raise smtplib.SMTPServerDisconnected(_text(reply, address))
            with suppress(smtplib.SMTPServerDisconnected):
                self.session.rset()
            raise MailRefused(f"{code} {_text(reply, address)}", 500 <= code < 600)
        return _text(reply, address)


def _bytes(reply: bytes | str) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode()


def _text(reply: bytes, address: str) -> str:
    """Return a reply for logs and the ledger, without the recipient, whom servers repeat."""
    return printable(reply.decode(errors="replace").replace(address, HIDDEN))[:LONGEST_REPLY]
