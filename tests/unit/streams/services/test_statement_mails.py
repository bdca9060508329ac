"""Mails with statements: hostile titles, languages, digests."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest

from streams.services.statement_mails import LONGEST_TITLE, MailedStatement, mail_of
from tests.support.policy_table import AI, NONE
from tests.support.statements import statement

FROM, TO = "labels@platform.example", "desk@label.example"
WRITTEN = statement((NONE, AI, {}))[1]
URL = "https://music.example/artist/open/lnk_1.dec_1.1.s"
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Earmark-Statement"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
}


def sent(*titles: str | None, language: str = "en", url: str = URL) -> EmailMessage:
    """Return a mail as its reader gets it."""
    statements = [MailedStatement(WRITTEN, title, url) for title in titles]
    raw = mail_of(statements, language, FROM, TO).as_bytes(policy=SMTP)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    read = message_from_bytes(raw, policy=default)
    assert isinstance(read, EmailMessage)
    return read


@pytest.mark.parametrize(
    "title",
    [
        "Song\r\nBcc: all@label.example\r\n\r\n<script>alert(1)</script>",
        "a\u2028Bcc: x@y.example\u202egnos\x00\x1b[2J",
        "\ud800 half a letter",
        "Überall 世界 🎵 " * 40,
        "=?utf-8?q?Bcc=3A?= x",
        "\n\r\t ",
    ],
)
def test_a_hostile_title_changes_no_header_and_no_line(title: str) -> None:
    mail = sent(title)
    assert set(mail.keys()) == HEADERS, "none is added"
    assert mail.get_content_type() == "text/plain"
    plain, hostile = sent("x").get_content().splitlines(), mail.get_content().splitlines()
    assert len(plain) == len(hostile)
    assert plain[1:] == hostile[1:]
    assert len(hostile[0]) <= len("Recording: ") + LONGEST_TITLE
    assert not {"\x1b", "\x00", "\u202e", "\u2028"} & set(hostile[0] + mail["Subject"])


def test_a_mail_has_the_text_the_link_and_the_same_id_each_time() -> None:
    mail = sent("Nachtfahrt")
    content = mail.get_content().replace("\r\n", "\n")
    assert mail["Subject"] == "Statement of reasons: Nachtfahrt"
    assert WRITTEN.texts["en"] in content
    assert URL in content.splitlines()
    assert WRITTEN.statement_id in content
    assert sent("Nachtfahrt")["Message-ID"] == mail["Message-ID"]
    german = sent("Nachtfahrt", language="de", url="").get_content()
    assert WRITTEN.texts["de"].splitlines()[0] in german
    assert "http" not in german.replace(WRITTEN.redress.internal_url, ""), "there is no link"


def test_a_digest_has_them_all() -> None:
    mail = sent("First", "Second", None)
    assert mail["Subject"] == "Statements of reasons of the day: 3"
    content = mail.get_content()
    assert content.count(URL) == 3
    assert "First" in content
    assert f"Recording: {WRITTEN.track_id}" in content, "it has no title"
