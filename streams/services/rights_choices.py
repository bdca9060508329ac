"""What a rightsholder chooses about uses of what is theirs, and the registry's entries of it.

A choice is about one thing: a voice, an artist's name, a recording, a catalogue. Each use of it is
an entry of its own, so a later choice about the same thing, use and territories takes its place. A
choice can be taken back. An opt-out in force prevails over every grant.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from detector.errors import BadInput
from streams.contract.records import stable_id
from streams.contract.records.rights import (
    WORLDWIDE,
    Party,
    RightsChanged,
    RightsConditions,
    RightsEntry,
    RightsSubject,
    Use,
)
from streams.contract.translations import N_
from streams.services.ddex.territory_codes import COUNTRIES
from streams.services.rightsholders import KINDS, Holdings, Kind, Rightsholder

Chosen = Literal["train", "derivatives", "voice_replica", "cover"]
Permission = Literal["refuse", "condition", "grant", "take_back"]
USES: Final[Mapping[Chosen, tuple[Use, ...]]] = {
    "train": ("train",),
    "derivatives": ("mashup", "remix", "stem_reuse"),
    "voice_replica": ("voice_replica",),
    "cover": ("cover",),
}
PERMISSIONS: Final = {"refuse": "opt_out", "condition": "conditional", "grant": "opt_in"}
FIELDS: Final = {  # of a subject, by what a choice is about
    **{"voice": "voices", "artist": "artists"},
    **{"recording": "isrcs", "catalogue": "catalogue_dpid"},
}
ANYONE: Final = "Anyone"
MOST_TEXT: Final = 2_000
PLACES: Final = frozenset(COUNTRIES.values())
LAST_YEAR: Final = 2200  # a day after it is a slip of the pen


class BadChoice(BadInput):
    """A choice or request is not possible; the detail is a marked text for its sender."""


class Choice(BaseModel):
    """A choice; ``entry_id``: of the earlier choice that is taken back."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    name: str
    uses: tuple[Chosen, ...]
    permission: Permission
    territories: tuple[str, ...] = (WORLDWIDE,)
    valid_from: date
    valid_until: date | None = None
    condition: str = ""
    entry_id: str | None = None


def choice_of(
    theirs: Holdings,
    *,
    kind: str,
    name: str,
    uses: Sequence[str],
    permission: str,
    territories: str = "",
    valid_from: str = "",
    valid_until: str = "",
    condition: str = "",
) -> Choice:
    """Return a choice from the texts of a form.

    Raises:
        BadChoice: something is missing, wrong, or not theirs.
    """
    known = theirs.find(kind, name)
    if known is None:
        raise BadChoice("not_theirs", N_("Choose one of the things that are listed as yours."))
    chosen = tuple(one for one in USES if one in uses)
    if not chosen or permission not in PERMISSIONS:
        raise BadChoice("bad_choice", N_("Choose at least one use, and what you decide about it."))
    condition = condition.strip()[:MOST_TEXT]
    if permission == "condition" and not condition:
        raise BadChoice("bad_choice", N_("Write under which condition you agree."))
    first = _day(valid_from) or datetime.now(UTC).date()
    last = _day(valid_until)
    if last is not None and last < first:
        raise BadChoice("bad_day", N_("The last day is before the first one."))
    return Choice.model_validate(
        {
            "kind": kind,
            "name": known,
            "uses": chosen,
            "permission": permission,
            "territories": _territories(territories),
            "valid_from": first,
            "valid_until": last,
            "condition": condition if permission == "condition" else "",
        }
    )


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year <= LAST_YEAR:
        raise BadChoice("bad_day", N_("Write a day as year, month, day: 2027-01-31."))
    return day


def _territories(text: str) -> tuple[str, ...]:
    codes = [code for code in re.split(r"[\s,;]+", text.upper()) if code]
    if not codes or codes == [WORLDWIDE.upper()]:
        return (WORLDWIDE,)
    if set(codes) - PLACES:
        message = N_("Write countries as codes of two letters: DE, AT, NO. Leave it empty for all.")
        raise BadChoice("bad_territory", message)
    return tuple(sorted(set(codes)))


def agreement_of(rightsholder_id: str) -> str:
    """Return the agreement's id of all choices of a rightsholder."""
    return f"choices-{rightsholder_id}"


def is_choice(change: RightsChanged, rightsholder_id: str) -> bool:
    """Return whether an entry comes from a choice, and was not taken back."""
    entry = change.entry
    own = entry is not None and entry.agreement_id == agreement_of(rightsholder_id)
    return own and entry is not None and entry.permission != "revoked"


def evidence_of(proof: str, files: Sequence[str]) -> str:
    """Return the hash of a proof of authority: its text, and the hashes of its files."""
    return sha256("\n".join((proof, *sorted(files))).encode()).hexdigest()


def changes_of(
    choice: Choice,
    holder: Rightsholder,
    known: Mapping[str, RightsChanged],
    *,
    by: str,
    at: datetime,
    evidence: str | None = None,
    verified: bool = False,
) -> list[RightsChanged]:
    """Return the next versions of a choice's entries; ``known`` are the newest ones.

    Raises:
        BadChoice: what is to be taken back is no choice of theirs.
    """
    changes = []
    for entry_id, entry in _entries(choice, holder, known, evidence, verified=verified):
        before = known.get(entry_id)
        version = 1 if before is None else before.version + 1
        changes.append(
            RightsChanged(
                entry_id=entry_id, version=version, entry=entry, changed_by=by, changed_at=at
            )
        )
    return changes


def _entries(
    choice: Choice,
    holder: Rightsholder,
    known: Mapping[str, RightsChanged],
    evidence: str | None,
    *,
    verified: bool,
) -> list[tuple[str, RightsEntry]]:
    if choice.permission == "take_back":
        before = known.get(choice.entry_id or "")
        if before is None or before.entry is None or not is_choice(before, holder.rightsholder_id):
            raise BadChoice("no_such_choice", N_("There is no such choice, or not any more."))
        return [(before.entry_id, before.entry.model_copy(update={"permission": "revoked"}))]
    field = FIELDS[choice.kind]
    names = choice.name if field == "catalogue_dpid" else (choice.name,)
    party = {"party_id": holder.party_id, "name": holder.name}
    shared = {
        "agreement_id": agreement_of(holder.rightsholder_id),
        "grantor": Party.model_validate({**party, "authority_evidence_sha256": evidence}),
        "grantee": ANYONE,
        "subject": RightsSubject.model_validate({field: names}),
        "permission": PERMISSIONS[choice.permission],
        "conditions": RightsConditions(
            approval_required=choice.permission == "condition",
            attribution_text=choice.condition or None,
        ),
        "territories": choice.territories,
        "valid_from": choice.valid_from,
        "valid_until": choice.valid_until,
        "written": True,
        "source": "direct",
        "verification": "verified" if verified else "unverified",
    }
    return [
        (
            entry_id_of(choice, use, holder.rightsholder_id),
            RightsEntry.model_validate({**shared, "uses": USES[use]}),
        )
        for use in choice.uses
    ]


def entry_id_of(choice: Choice, use: Chosen, rightsholder_id: str) -> str:
    """Return the id of a choice's entry about one use."""
    about = choice.kind, choice.name.casefold(), use
    return stable_id("rgt", "choice", rightsholder_id, *about, *choice.territories)


def entry_ids(choice: Choice, rightsholder_id: str) -> list[str]:
    """Return the ids of a choice's entries."""
    if choice.permission == "take_back":
        return [choice.entry_id or ""]
    return [entry_id_of(choice, use, rightsholder_id) for use in choice.uses]


def chosen_of(entry: RightsEntry) -> tuple[Chosen, ...]:
    """Return the uses of an entry, as choices name them."""
    return tuple(use for use, names in USES.items() if set(names) & set(entry.uses))


def about_of(change: RightsChanged) -> tuple[Kind, str]:
    """Return the first thing that an entry is about: its kind and its name."""
    if change.entry is not None:
        theirs = Holdings.of_subject(change.entry.subject)
        for kind in KINDS:
            for name in theirs.of(kind):
                return kind, name
    return "catalogue", ""
