"""The content of the page of artists, as one record: for the page and for the API alike.

It is made of what concerns the upload of one link. Scores, thresholds, rules' names and what is
about others are not a part of it.
"""

from datetime import datetime
from typing import Final

from pydantic import BaseModel

from streams.contract.records import TrackDecided, Upload, UploadReceived
from streams.contract.records.policy import StatementWritten
from streams.contract.translations import N_, translated
from streams.services import artist_words
from streams.services.signed_links import ArtistLink, LinkRefused, SignedLink
from streams.store import queries, reviews, stored_records
from streams.store.database import Ledger

MARKED: Final = 2.0  # from this score on a part is called marked; a segment has at most about 4
TOGETHER_S: Final = 1.0  # parts that are nearer are one


class Part(BaseModel):
    """A part of the recording, in seconds from its start."""

    start_s: float
    end_s: float


class Explanation(BaseModel):
    """How to read a thing in the picture."""

    title: str
    text: str


class Statement(BaseModel):
    """The statement of reasons, as it was written, and until when one can object."""

    text: str
    object_until: datetime
    out_of_court: str


class ArtistPage(BaseModel):
    """The content of the page, in one language."""

    language: str
    title: str
    artists: list[str]
    track_id: str
    decision_id: str
    decided_again: bool
    headline: str
    why: list[str]
    limits: list[str]
    follows: list[str]
    follows_not: list[str]
    declared: str
    duration_s: float | None
    marked: list[Part]
    has_audio: bool
    has_picture: bool
    picture: list[Explanation]
    statement: Statement | None


def current_decision(ledger: Ledger, link: ArtistLink) -> TrackDecided:
    """Return the decision about the upload of a link as it stands.

    Raises:
        LinkRefused: it was erased.
    """
    decision = queries.decision(ledger, upload_id=link.upload_id)
    if decision is None:
        raise LinkRefused("erased", link.link_id, link.decision_id)
    return decision


def content(ledger: Ledger, link: ArtistLink, language: str) -> ArtistPage:
    """Return what a link opens, in a language.

    Raises:
        LinkRefused: it was erased.
    """
    decision = current_decision(ledger, link)
    with ledger.reading() as connection:
        delivery = reviews.upload(connection, link.upload_id)
        fingerprint = reviews.fingerprint(connection, link.upload_id)
        written = queries.statement(connection, decision.statement_id)
    received = None if delivery is None else stored_records.read(UploadReceived, delivery.record)
    upload = Upload(track_id=link.track_id, uri="?") if received is None else received.upload
    uri, decoded = queries.audio_of(ledger, link.upload_id)
    audio = fingerprint.get("audio") or {}
    return ArtistPage(
        language=language,
        title=upload.title or translated(language, N_("Your recording")),
        artists=list(upload.artists),
        track_id=link.track_id,
        decision_id=decision.decision_id,
        decided_again=decision.decision_id != link.decision_id,
        headline=artist_words.headline(language, decision),
        why=artist_words.why(language, decision),
        limits=artist_words.limits(language),
        follows=artist_words.follows(language, decision),
        follows_not=artist_words.follows_not(language, decision.actions),
        declared=artist_words.declared(language, upload.declared.contains_ai),
        duration_s=audio.get("duration_s"),
        marked=marked_parts(decision),
        has_audio=uri is not None and decoded is not None,
        has_picture=bool(decision.analysis.evidence),
        picture=[
            Explanation(title=title, text=text)
            for title, text in artist_words.picture(language, decision)
        ],
        statement=None if written is None else _statement(written, language),
    )


def marked_parts(decision: TrackDecided) -> list[Part]:
    """Return the parts with a strong trace, those that touch joined."""
    parts: list[Part] = []
    for segment in decision.analysis.segments:
        if segment.score < MARKED:
            continue
        if parts and segment.start_s <= parts[-1].end_s + TOGETHER_S:
            parts[-1] = Part(start_s=parts[-1].start_s, end_s=segment.end_s)
        else:
            parts.append(Part(start_s=segment.start_s, end_s=segment.end_s))
    return parts


def _statement(written: StatementWritten, language: str) -> Statement:
    here = translated(language, N_("on this page"))
    return Statement(
        text=text_of(written, language, here),
        object_until=written.redress.deadline,
        out_of_court=written.redress.out_of_court,
    )


def statement_with(ledger: Ledger, signed: SignedLink[ArtistLink]) -> dict[str, str]:
    """Return the statement of a link's decision by language, with the link in it; or nothing."""
    decision = queries.decision(ledger, decision_id=signed.link.decision_id)
    with ledger.reading() as connection:
        written = queries.statement(connection, decision.statement_id if decision else None)
    if written is None:
        return {}
    return {language: text_of(written, language, signed.url) for language in written.texts}


def text_of(written: StatementWritten, language: str, url: str) -> str:
    """Return the text of a statement with another address for objections."""
    text = written.texts.get(language) or next(iter(written.texts.values()), "")
    return text.replace(written.redress.internal_url, url)
