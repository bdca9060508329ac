"""The connection to the mail server: encrypted, verified, without secrets in errors."""

import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from streams.runtime.settings import Settings
from streams.services.mail_server import MailRefused, MailServer, MailServerAway
from tests.support.certificates import make_certificates
from tests.support.mail import Mailbox, free_port, serving

FROM, TO = "labels@platform.example", "desk@label.example"
PASSWORD = "correct-horse"  # noqa: S105 - a test's own


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = FROM, TO, "x"
    message.set_content("text")
    return message


def test_a_server_is_trusted_by_its_certificate_and_knows_us_by_a_password(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "node.pem")
    box = Mailbox()

    def knows(_: object, __: object, ___: object, ____: str, data: object) -> AuthResult:
        is_right = getattr(data, "password", b"") == PASSWORD.encode()
        return AuthResult(success=is_right, handled=False)

    options: dict[str, Any] = {
        "tls_context": context,
        "require_starttls": True,
        "auth_required": True,
    }
    with serving(box, authenticator=knows, **options) as port:
        known: dict[str, Any] = {"host": "127.0.0.1", "sender": FROM, "port": port, "username": "u"}
        server = MailServer(**known, password=PASSWORD, ca_file=f"{tmp_path}/ca.crt")
        assert PASSWORD not in repr(server)
        with server.connected() as session:
            assert session.send(mail(), TO) == "queued as 1"
            assert session.send(mail(), TO) == "queued as 2"
        untrusted = MailServer(**known, password=PASSWORD)
        with pytest.raises(MailServerAway, match="certificate verify failed"):
            untrusted.connected().__enter__()
        wrong = MailServer(**known, password=PASSWORD[:-1], ca_file=f"{tmp_path}/ca.crt")
        with pytest.raises(MailServerAway, match="535") as refused:
            wrong.connected().__enter__()
        assert PASSWORD[:-1] not in str(refused.value)
    assert len(box.received) == 2


def test_refusals_do_not_end_the_session_and_do_not_name_the_recipient() -> None:
    box = Mailbox([], [f"550 5.1.1 <{TO}>: unknown", "451 later"], ["554 spam\x1b[2J"])
    with serving(box) as port:
        server = MailServer("127.0.0.1", FROM, port, "none")
        with server.connected() as session:
            for is_final, detail in (
                (True, "550 5.1.1 <<address>>: unknown"),
                (False, "451 later"),
            ):
                with pytest.raises(MailRefused) as refused:
                    session.send(mail(), TO)
                assert (refused.value.is_final, refused.value.detail) == (is_final, detail)
            with pytest.raises(MailRefused, match="554 spam") as refused:
                session.send(mail(), TO)
            assert "\x1b" not in refused.value.detail
            assert session.send(mail(), TO)
    with pytest.raises(MailServerAway, match="mail server 127"):
        MailServer("127.0.0.1", FROM, free_port(), "none").connected().__enter__()


def test_settings_without_a_host_mean_no_mail() -> None:
    assert MailServer.from_settings(Settings()) is None
    made = MailServer.from_settings(Settings(smtp_host="mail.example", smtp_from=FROM))
    assert made == MailServer("mail.example", FROM)
