"""Rightsholders: who chooses by a signed link about uses of what is theirs.

A rightsholder is a party of the rights registry, by its id. A desk that knows the party names its
recordings, voices, artist names and catalogues; what the registry holds as granted by the party
comes beside. They cannot choose about anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from detector.errors import BadInput
from streams.contract.records import Identifier, Isrc, Name, faults, stable_id
from streams.contract.records.rights import RightsChanged, RightsSubject
from streams.media.kept_audio import KeptUploads
from streams.services import appeal_files, signed_links
from streams.services.signed_links import BadLink, LinkSigner, RightsholderLink, SignedLink
from streams.store import appeal_files as file_store
from streams.store import audit, rightsholders
from streams.store.database import Connection, Ledger

Kind = Literal["voice", "artist", "recording", "catalogue"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class BadRightsholder(BadInput):
    """It cannot be done for a rightsholder; the reason is a stable code, the detail a sentence."""


class Holdings(BaseModel):
    """What is a rightsholder's, by kind: names of voices and artists, ISRCs, DDEX party ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    voice: tuple[Name, ...] = ()
    artist: tuple[Name, ...] = ()
    recording: tuple[Isrc, ...] = ()
    catalogue: tuple[Identifier, ...] = ()

    @classmethod
    def of_subject(cls, subject: RightsSubject) -> "Holdings":
        """Return what an entry of the registry is about."""
        catalogue = () if subject.catalogue_dpid is None else (subject.catalogue_dpid,)
        return cls(
            voice=subject.voices,
            artist=subject.artists,
            recording=subject.isrcs,
            catalogue=catalogue,
        )

    def __or__(self, other: "Holdings") -> "Holdings":
        """Return what is in either, each once."""
        joined = {kind: dict.fromkeys((*self.of(kind), *other.of(kind))) for kind in KINDS}
        return Holdings.model_validate({kind: tuple(names) for kind, names in joined.items()})

    def of(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind."""
        names: tuple[str, ...] = getattr(self, kind)
        return names

    def find(self, kind: str, name: str) -> str | None:
        """Return a name as it is stored, whatever its case; None: it is not theirs."""
        names = self.of(kind) if kind in KINDS else ()
        return next((one for one in names if one.casefold() == name.strip().casefold()), None)


@dataclass(frozen=True)
class Rightsholder:
    """A party that has a page; ``named`` is what a desk named, beside the registry's entries."""

    rightsholder_id: str
    party_id: str
    name: str
    named: Holdings
    set_by: str
    since: datetime

    @classmethod
    def of(cls, row: Any) -> "Rightsholder":
        """Return the rightsholder of a row."""
        values = {name: getattr(row, name) for name in cls.__annotations__ if name != "named"}
        return cls(**values, named=Holdings.model_validate_json(row.subject))


def put(
    ledger: Ledger, party_id: str, name: str, named: Mapping[Kind, tuple[str, ...]], *, by: str
) -> Rightsholder:
    """Add a rightsholder, or change the name and what a desk names as theirs; audited.

    Raises:
        BadRightsholder: a name is missing or wrong.
    """
    try:
        holdings = Holdings.model_validate(named)
        party = RightsParty.model_validate({"party_id": party_id, "name": name})
    except ValidationError as error:
        raise BadRightsholder("bad_rightsholder", "; ".join(faults(error))) from error
    rightsholder_id = stable_id("rho", party.party_id)
    row = {
        "rightsholder_id": rightsholder_id,
        "party_id": party.party_id,
        "name": party.name,
        "subject": holdings.model_dump_json(),
        "set_by": by,
        "since": datetime.now(UTC),
    }
    about: dict[str, int] = {kind: len(holdings.of(kind)) for kind in KINDS}  # the log has no names
    entry = audit.Entry(by, "rightsholder_set", rightsholder_id, about)
    with audit.transaction(ledger, entry) as connection:
        audit.lock(connection)
        rightsholders.put(connection, row)
        return find(connection, rightsholder_id)


class RightsParty(BaseModel):
    """The id of a party and its name."""

    party_id: Identifier
    name: Name


def find(connection: Connection, rightsholder_id: str) -> Rightsholder:
    """Return a rightsholder.

    Raises:
        BadRightsholder: there is none, or it was erased.
    """
    row = rightsholders.find(connection, rightsholder_id)
    if row is None:
        detail = f"there is no rightsholder {rightsholder_id}"
        raise BadRightsholder("no_such_rightsholder", detail)
    return Rightsholder.of(row)


def holdings(connection: Connection, holder: Rightsholder) -> tuple[Holdings, list[RightsChanged]]:
    """Return what is a rightsholder's, and the registry's entries that they grant."""
    entries = rightsholders.entries_of(connection, holder.party_id)
    theirs = holder.named
    for change in entries:
        if change.entry is not None:
            theirs |= Holdings.of_subject(change.entry.subject)
    return theirs, entries


def make_link(
    ledger: Ledger, signer: LinkSigner, rightsholder_id: str, *, by: str, days: int | None = None
) -> SignedLink[RightsholderLink]:
    """Make a link to the page of a rightsholder.

    Raises:
        BadLink: no key, no such rightsholder, or too many links.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)  # of many at once, each must see those before
        if rightsholders.find(connection, rightsholder_id) is None:
            raise BadLink("no_such_rightsholder", f"there is no rightsholder {rightsholder_id}")
        link = RightsholderLink(
            **signed_links.validity(by, days or signer.days), rightsholder_id=rightsholder_id
        )
        return signed_links.store(connection, signer, link)


def erase(ledger: Ledger, folder: KeptUploads, rightsholder_id: str, *, by: str) -> int:
    """Delete a rightsholder, their links, requests and files; return how many rows that were.

    The entries of the registry remain: decisions rest on them, a refusal above all. The audit log
    remains, which has ids only.

    Raises:
        BadRightsholder: there is none.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)
        find(connection, rightsholder_id)
        contents = file_store.remove_all(connection, {"rightsholder_id": rightsholder_id})
        rows = len(contents) + rightsholders.remove(connection, rightsholder_id)
        about = {"rows": rows, "files": len(contents)}
        audit.append(connection, audit.Entry(by, "rightsholder_erased", rightsholder_id, about))
        appeal_files.forget(connection, folder, contents)
    return rows
