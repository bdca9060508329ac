"""Appeals by artist links: hand in, add to, follow.

All links to one upload are of one side, which has one pseudonym: what was handed in by one of them
is followed by the others. Appeals of other people about the same track are never shown. A corrected
declaration is a part of an appeal: a person confirms it, and it changes nothing by itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from streams.contract.records import TrackDecided, stable_id
from streams.contract.records.reviews import (
    DECIDED_STATES,
    PENDING_STATES,
    AppealChanged,
    Appellant,
)
from streams.contract.translations import N_, day, translated
from streams.contract.vocabulary import NEUTRAL
from streams.services import appeal_files, appeals
from streams.services.appeals import BadAppeal
from streams.services.artist_page import current_decision
from streams.services.signed_links import ArtistLink
from streams.store import appeal_files as file_store
from streams.store import appeals as appeal_store
from streams.store.database import Connection, Ledger

MOST_OF_LINK: Final = 5  # open appeals
GROUNDS: Final = {  # in the order of the page
    "not_ai": N_("No AI made any of the sound."),
    "partly_ai": N_("AI made only a part of it. I want to correct what was stated."),
    "licensed": N_("I have a licence or an agreement for this."),
    "not_impersonation": N_("It imitates no other person, or that person has agreed."),
    "procedural": N_("Something else is wrong."),
}
PARTIES: Final = {
    "artist": N_("The artist"),
    "label": N_("The label"),
    "distributor": N_("The company that delivered it"),
    "rightsholder": N_("Another holder of rights in it"),
}
PARTS: Final = {  # of a recording that AI may have made
    "vocals": N_("Singing or voice"),
    "instrumentation": N_("Instruments or beats"),
    "composition": N_("The composition"),
    "lyrics": N_("The lyrics"),
    "post_production": N_("Mixing or mastering"),
}
STATES: Final = {
    "received": N_("We have your objection."),
    "admissible": N_("Your objection is accepted. It waits for a person to look at it."),
    "in_review": N_("A person is looking at your objection."),
    "info_requested": N_("The person who decides needs more from you."),
    "upheld": N_("The decision stays as it was."),
    "overturned": N_("You were right. The decision is reversed."),
    "partially_overturned": N_("You were right in part. The decision is changed."),
    "rejected_inadmissible": N_("Your objection could not be accepted."),
    "withdrawn": N_("The objection was taken back."),
    "external_dispute": N_("A body outside of the platform deals with it."),
}


class Step(BaseModel):
    """A step of an appeal; ``status``: past, now or later."""

    text: str
    status: Literal["past", "now", "later"]


class HandedIn(BaseModel):
    """A file that was handed in."""

    file_id: str
    name: str
    size: int


class ArtistAppeal(BaseModel):
    """An appeal as its side sees it: who decides it stays unknown.

    ``is_pending``: it is won, and the track is not decided again yet.
    """

    appeal_id: str
    state: str
    state_text: str
    is_open: bool
    needs_more: bool
    is_won: bool
    is_pending: bool
    grounds: str
    statement: str
    received_at: datetime
    steps: list[Step]
    reasons: str | None
    suspended: bool
    files: list[HandedIn]


class ArtistAppeals(BaseModel):
    """What a link can do about its decision, and what was done."""

    can_object: bool
    appeals: list[ArtistAppeal]
    unsent_files: list[HandedIn]


def side_of(link: ArtistLink) -> str:
    """Return the pseudonym of those who have links to an upload."""
    return stable_id("side", link.upload_id)


def receive(
    ledger: Ledger,
    link: ArtistLink,
    *,
    party: str,
    grounds: str,
    statement: str,
    parts: Sequence[str] = (),
    tools: str = "",
) -> AppealChanged:
    """Receive an appeal against the current decision, with all files that were handed in for it.

    Raises:
        BadAppeal: it is incomplete, or not possible (``appeals.receive``).
        LinkRefused: the decision was erased.
    """
    if party not in PARTIES or grounds not in GROUNDS:
        raise BadAppeal("bad_grounds", N_("Say who you are, and what is wrong."))
    statement = statement.strip()
    if not statement:
        raise BadAppeal("no_statement", N_("Write in a few words why."))
    decision = current_decision(ledger, link)
    with ledger.reading() as connection:
        if not _can_object(decision, _of_side(connection, link)):
            detail = N_("There is nothing to object to, or it was decided already.")
            raise BadAppeal("nothing_to_object", detail)
        files = _unsent(connection, link)
    appeal = appeals.receive(
        ledger,
        decision.decision_id,
        appellant=Appellant.model_validate({"type": party, "id": side_of(link)}),
        grounds=grounds,
        statement=f"{statement}{_declared(parts, tools)}"[:10_000],
        evidence=[file.evidence.model_dump() for file in files],
        by=link.link_id,
        most_open=MOST_OF_LINK,
    )
    _attach(ledger, files, appeal)
    return appeal


def answer(ledger: Ledger, link: ArtistLink, appeal_id: str, statement: str) -> AppealChanged:
    """Add to an open appeal of this side: text, and the files that were handed in since.

    Raises:
        BadAppeal: there is no such open appeal, or there is nothing to add.
    """
    with ledger.reading() as connection:
        if appeal_id not in {one.appeal_id for one in _of_side(connection, link)}:
            raise appeals.no_such_appeal(appeal_id)
        files = _unsent(connection, link)
    statement = statement.strip()
    if not statement and not files:
        raise BadAppeal("no_statement", N_("Write something, or choose a file."))
    evidence = tuple(file.evidence for file in files)
    appeal = appeals.supplement(ledger, appeal_id, statement, evidence, by=link.link_id)
    _attach(ledger, files, appeal)
    return appeal


def _declared(parts: Sequence[str], tools: str) -> str:
    """Return what a person states about AI in their recording, for those who decide."""
    named = [name.replace("_", " ") for name in PARTS if name in parts]
    made = [f"made with AI, by their own account: {', '.join(named)}"] if named else []
    made += [f"with: {tools.strip()[:500]}"] if tools.strip() else []
    return f"\n\n[{'; '.join(made)}]" if made else ""


def _attach(ledger: Ledger, files: list[appeal_files.AppealFile], appeal: AppealChanged) -> None:
    if files:
        with ledger.transaction() as connection:
            file_store.attach(connection, [file.file_id for file in files], appeal.appeal_id)


def _of_side(connection: Connection, link: ArtistLink) -> list[AppealChanged]:
    known = appeal_store.current(connection, upload_id=link.upload_id)
    return [appeal for appeal in known if appeal.appellant.id == side_of(link)]


def _unsent(connection: Connection, link: ArtistLink) -> list[appeal_files.AppealFile]:
    rows = file_store.of_owner(connection, link.owner)
    return [appeal_files.AppealFile.of(row) for row in rows if row.appeal_id is None]


def _can_object(decision: TrackDecided, known: Sequence[AppealChanged]) -> bool:
    """Return whether there is something to object to, and no appeal about it that counts."""
    restricted = any(value != NEUTRAL[name] for name, value in decision.actions)
    restricted = restricted or bool(decision.territorial) or decision.statement_id is not None
    is_open = any(appeal.state in PENDING_STATES for appeal in known)
    ended = any(
        appeal.decision_id == decision.decision_id and appeal.state in DECIDED_STATES
        for appeal in known
    )
    return restricted and not is_open and not ended


def overview(ledger: Ledger, link: ArtistLink, language: str) -> ArtistAppeals:
    """Return the appeals of a link's side, latest first, in a language."""
    decision = current_decision(ledger, link)
    with ledger.reading() as connection:
        known = _of_side(connection, link)
        rows = file_store.of_owner(connection, link.owner)
    files = [appeal_files.AppealFile.of(row) for row in rows]
    return ArtistAppeals(
        can_object=_can_object(decision, known),
        appeals=[_shown(appeal, files, decision, language) for appeal in known],
        unsent_files=[_file(file) for file in files if file.appeal_id is None],
    )


def _file(file: appeal_files.AppealFile) -> HandedIn:
    return HandedIn(file_id=file.file_id, name=file.name, size=file.size)


def _shown(
    appeal: AppealChanged,
    files: list[appeal_files.AppealFile],
    decision: TrackDecided,
    language: str,
) -> ArtistAppeal:
    is_won = appeal.state in ("overturned", "partially_overturned")
    grounds = GROUNDS.get(appeal.grounds, GROUNDS["procedural"])
    return ArtistAppeal(
        appeal_id=appeal.appeal_id,
        state=appeal.state,
        state_text=translated(language, STATES[appeal.state]),
        is_open=appeal.state in PENDING_STATES,
        needs_more=appeal.state == "info_requested",
        is_won=is_won,
        is_pending=is_won and decision.decision_id == appeal.decision_id,
        grounds=translated(language, grounds),
        statement=appeal.statement,
        received_at=appeal.received_at,
        steps=_steps(appeal, language),
        reasons=appeal.outcome.reasons if appeal.outcome is not None else None,
        suspended=appeal.interim_relief,
        files=[_file(file) for file in files if file.appeal_id == appeal.appeal_id],
    )


def _steps(appeal: AppealChanged, language: str) -> list[Step]:
    handed_in = translated(
        language, N_("Handed in on {day}"), day=day(language, appeal.received_at)
    )
    looked_at = translated(language, N_("A person looks at it"))
    decided = translated(language, N_("The decision"))
    is_open, looking = (
        appeal.state in PENDING_STATES,
        appeal.state in ("in_review", "info_requested"),
    )
    if not is_open:
        looked_at = translated(language, N_("A person looked at it"))
        at = translated(language, N_("Decided on {day}"), day=day(language, appeal.changed_at))
        return [Step(text=text, status="past") for text in (handed_in, looked_at, at)]
    return [
        Step(text=handed_in, status="past" if looking else "now"),
        Step(text=looked_at, status="now" if looking else "later"),
        Step(text=decided, status="later"),
    ]
