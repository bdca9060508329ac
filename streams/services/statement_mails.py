"""The mails that statements of reasons go out in: plain text, alone or as a daily digest.

Titles come from metadata, which is hostile: no line break, no control and no direction of theirs
reaches a header or the text. ``EmailMessage`` encodes the rest. There is no HTML to escape from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from streams.contract.printing import CONTROL
from streams.contract.records import stable_id
from streams.contract.records.policy import StatementWritten
from streams.contract.translations import N_, SOURCE, translated

LONGEST_TITLE: Final = 80
RULE: Final = "\n\n" + "-" * 72 + "\n\n"
_PHRASES: Final = {
    "subject": N_("Statement of reasons: {title}"),
    "digest": N_("Statements of reasons of the day: {count}"),
    "recording": N_("Recording: {title}\nTrack: {track_id}"),
    "link": N_(
        "The page about this decision, without an account. Its holder can object there; "
        "pass it on to the artist only:\n{url}"
    ),
    "end": N_("Statement: {statement_id}\nDecision: {decision_id}"),
}


@dataclass(frozen=True)
class MailedStatement:
    """A statement with the title of its recording and the artist's link; ``url`` may be empty."""

    statement: StatementWritten
    title: str | None
    url: str = ""


def mail_of(
    statements: Sequence[MailedStatement], language: str, sender: str, address: str
) -> EmailMessage:
    """Return one mail with these statements; a repeated delivery has the same Message-ID."""
    if len(statements) == 1:
        subject = _phrase(language, "subject", title=_title(statements[0]))
    else:
        subject = _phrase(language, "digest", count=str(len(statements)))
    ids = [one.statement.statement_id for one in statements]
    message = EmailMessage()
    message["From"], message["To"] = sender, address
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{stable_id('sml', *ids)}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Earmark-Statement"] = ids[0] if len(ids) == 1 else str(len(ids))
    texts = [_text(one, language) for one in statements]
    message.set_content(RULE.join(texts) + "\n", cte="quoted-printable")
    return message


def _text(mailed: MailedStatement, language: str) -> str:
    statement = mailed.statement
    track_id = _plain(statement.track_id)
    ids = {"statement_id": statement.statement_id, "decision_id": statement.decision_id}
    parts = [
        _phrase(language, "recording", title=_title(mailed), track_id=track_id),
        statement.texts.get(language) or statement.texts.get(SOURCE, ""),
        _phrase(language, "link", url=mailed.url) if mailed.url else "",
        _phrase(language, "end", **ids),
    ]
    return "\n\n".join(part for part in parts if part)


def _phrase(language: str, name: str, **values: str) -> str:
    return translated(language, _PHRASES[name], **values)


def _title(mailed: MailedStatement) -> str:
    title = _plain(mailed.title or "") or _plain(mailed.statement.track_id)
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def _plain(text: str) -> str:
    """Return a text of others on one line, without what does not show."""
    readable = text.encode(errors="replace").decode()
    return " ".join(CONTROL.sub(" ", readable).split())
