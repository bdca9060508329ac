"""The content of a rightsholder's page: what is theirs, what they chose, what they asked for.

Counts are of recordings here that name a thing. Whose these are is not shown.
"""

from datetime import UTC, date, datetime
from typing import Final

from pydantic import BaseModel

from streams.contract.records.rights import WORLDWIDE, RightsChanged, RightsEntry
from streams.contract.translations import N_, translated
from streams.policy.registry import Key, status_of
from streams.services import rights_choices, rights_requests, rightsholder_words, rightsholders
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholders import KINDS, Holdings, Kind
from streams.services.signed_links import LinkRefused, RightsholderLink
from streams.store import rightsholders as store
from streams.store.database import Connection, Ledger

MOST_COUNTED: Final = 5_000  # rows of recordings by name
MOST_RECORDINGS: Final = 200
MOST_SHOWN: Final = 100  # choices and requests
KEYS: Final = {
    "voice": "voice",
    "artist": "artist",
    "recording": "isrc",
    "catalogue": "distributor",
}


class Thing(BaseModel):
    """Something that is theirs; ``tracks`` and ``held``: recordings here that name it.

    ``at_least``: where these are very many, not all were looked at for ``held``.
    """

    kind: Kind
    kind_text: str
    name: str
    title: str = ""
    tracks: int = 0
    held: int = 0
    at_least: bool = False


class CurrentChoice(BaseModel):
    """An entry of the registry that they grant; ``own``: it can be taken back on the page."""

    entry_id: str
    kind_text: str
    name: str
    uses: str
    permission: str
    permission_text: str
    territories: str
    period: str
    condition: str
    in_force: bool
    own: bool


class Asked(BaseModel):
    """A request; ``sentence``: what is asked for, ``about``: of what, where and when.

    ``changes``: what it would change.
    """

    request_id: str
    kind: str
    state: str
    state_text: str
    sentence: str
    about: str
    changes: list[str]
    own_recordings: list[str]
    proof: str
    reasons: str | None
    made_at: datetime
    valid_from: date | None
    is_open: bool


class RightsholderPage(BaseModel):
    """The content of the page, in one language."""

    language: str
    rightsholder_id: str
    party_id: str
    name: str
    things: list[Thing]
    choices: list[CurrentChoice]
    requests: list[Asked]
    needs_approval: bool


def content(
    ledger: Ledger, link: RightsholderLink, language: str, *, approval: bool
) -> RightsholderPage:
    """Return what a link opens, in a language.

    Raises:
        LinkRefused: it was erased.
    """
    with ledger.reading() as connection:
        if store.find(connection, link.rightsholder_id) is None:
            raise LinkRefused("erased", link.link_id, link.about)
        holder = rightsholders.find(connection, link.rightsholder_id)
        theirs, entries = rightsholders.holdings(connection, holder)
        asked = [
            RightsRequest.of(row) for row in store.requests_of(connection, holder.rightsholder_id)
        ]
        listed = things(connection, theirs, language)
    now = datetime.now(UTC)
    current = [
        _current(change, entry, holder.rightsholder_id, language, now)
        for change in entries
        if (entry := change.entry) is not None
    ]
    kept = [one for one in current if one.permission != "revoked"]
    return RightsholderPage(
        language=language,
        rightsholder_id=holder.rightsholder_id,
        party_id=holder.party_id,
        name=holder.name,
        things=listed,
        choices=sorted(kept, key=lambda one: (not one.own, one.name))[:MOST_SHOWN],
        requests=[shown(one, language) for one in asked if one.state != "draft"][:MOST_SHOWN],
        needs_approval=approval,
    )


def things(connection: Connection, theirs: Holdings, language: str) -> list[Thing]:
    """Return what is theirs, with how many recordings here name it."""
    recordings = theirs.recording[:MOST_RECORDINGS]
    titles: dict[str, str] = {}
    for row in store.uploads_of(connection, recordings, MOST_COUNTED):
        titles.setdefault(row.isrc, row.title or "")
    names: list[tuple[Kind, str]] = [
        (kind, name)
        for kind in KINDS
        for name in (recordings if kind == "recording" else theirs.of(kind))
    ]
    counts = store.counts_by_key(connection, map(_key, names))
    tracks = store.tracks_by_key(connection, map(_key, names), MOST_COUNTED)
    held = store.held(connection, set().union(*tracks.values()))
    return [
        Thing(
            kind=kind,
            kind_text=translated(language, rightsholder_words.KINDS[kind]),
            name=name,
            title=titles.get(name, "") if kind == "recording" else "",
            tracks=counts.get(_key((kind, name)), 0),
            at_least=counts.get(_key((kind, name)), 0) > len(tracks.get(_key((kind, name)), ())),
            held=len(tracks.get(_key((kind, name)), set()) & held),
        )
        for kind, name in names
    ]


def _key(thing: tuple[Kind, str]) -> Key:
    return KEYS[thing[0]], thing[1].casefold()


def _current(
    change: RightsChanged, entry: RightsEntry, rightsholder_id: str, language: str, now: datetime
) -> CurrentChoice:
    kind, name = rights_choices.about_of(change)
    words = rightsholder_words
    anywhere = WORLDWIDE if WORLDWIDE in entry.territories else entry.territories[0]
    uses = rights_choices.chosen_of(entry)
    more = [use.replace("_", " ") for use in entry.uses if use in ("generate", "distribute_output")]
    return CurrentChoice(
        entry_id=change.entry_id,
        kind_text=translated(language, words.KINDS[kind]),
        name=name or entry.agreement_id,
        uses="; ".join((words.uses(language, uses), *more)).strip("; "),
        permission=entry.permission,
        permission_text=translated(language, words.STANDS[entry.permission]),
        territories=words.territories(language, entry.territories),
        period=words.period(language, entry.valid_from, entry.valid_until),
        condition=entry.conditions.attribution_text or "",
        in_force=status_of(entry, anywhere, now) == "in_force",
        own=rights_choices.is_choice(change, rightsholder_id),
    )


def shown(request: RightsRequest, language: str) -> Asked:
    """Return a request as its rightsholder sees it: who decides it stays unknown."""
    words = rightsholder_words
    choice, preview = request.choice, request.preview
    return Asked(
        request_id=request.request_id,
        kind=request.kind,
        state=request.state,
        state_text=translated(language, words.STATES[request.state]),
        sentence=_sentence(request, language),
        about=_about(request, language),
        changes=words.changes(language, preview) if preview is not None else [],
        own_recordings=list(preview.own) if preview is not None else [],
        proof=request.proof,
        reasons=request.reasons,
        made_at=request.made_at,
        valid_from=choice.valid_from if choice is not None else None,
        is_open=request.state in rights_requests.OPEN,
    )


def _sentence(request: RightsRequest, language: str) -> str:
    words, choice = rightsholder_words, request.choice
    if choice is None:
        return translated(language, N_("Erase what is stored about you"))
    uses = words.uses(language, choice.uses)
    return translated(language, words.CHOSEN[choice.permission], uses=uses)


def _about(request: RightsRequest, language: str) -> str:
    words, choice = rightsholder_words, request.choice
    if choice is None:
        return ""
    parts = [
        f"{translated(language, words.KINDS[choice.kind])}: {choice.name}",
        words.territories(language, choice.territories),
        words.period(language, choice.valid_from, choice.valid_until),
    ]
    return " · ".join(parts)
