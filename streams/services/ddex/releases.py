"""The releases of a message: identifiers, resources, and the deals about them.

Each part of a message is read once, and each release gathers its deals once: time stays linear.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from xml.etree.ElementTree import Element

from streams.contract.records import Contains
from streams.services.ddex.territories import NOWHERE, Places, without
from streams.services.ddex.xml import WrongDdex, flag, local, stripped, text

RELEASE_IDS: Final = {
    **{"ICPN": "upc", "GRid": "grid", "ISRC": "isrc"},
    **{"CatalogNumber": "catalog_number", "ProprietaryId": "release_id"},
}
RESOURCES: Final = ("ReleaseResourceReference", "LinkedReleaseResourceReference")
COUNTRY: Final = re.compile(r"[A-Z]{2}")


@dataclass
class Deals:
    """Where deals hold, where they are withdrawn by the reason, and the days on which they end.

    The end of a deal that has none is an empty text.
    """

    allowed: Places = NOWHERE
    withdrawn: dict[str, Places] = field(default_factory=dict)
    ends: set[str] = field(default_factory=set)

    def add(self, other: "Deals") -> None:
        """Add other deals about the same release."""
        self.allowed |= other.allowed
        self.ends |= other.ends
        for why, places in other.withdrawn.items():
            self.withdraw(why, places)

    def withdraw(self, why: str, places: Places) -> None:
        """Add territories where a deal is withdrawn."""
        self.withdrawn[why] = self.withdrawn.get(why, NOWHERE) | places

    @property
    def exist(self) -> bool:
        """Whether there is any deal."""
        return bool(self.ends or self.withdrawn)

    @property
    def end(self) -> str:
        """The day on which the last one ends; empty: never."""
        return "" if "" in self.ends else max(self.ends, default="")

    @cached_property
    def open(self) -> Places:
        """Where a deal holds and none is withdrawn."""
        places = self.allowed
        for taken in self.withdrawn.values():
            places = without(places, taken)
        return places


@dataclass(frozen=True)
class Release:
    """One release, with what its pictures state about AI."""

    identifiers: dict[str, str]
    pictures: set[Contains]
    deals: Deals
    track_ids: list[str] = field(default_factory=list)


def release_ids(release: Element) -> dict[str, str]:
    """Return the identifiers of a release by their names in an upload."""
    values = {key: text(release, f"ReleaseId/{name}") for name, key in RELEASE_IDS.items()}
    return {key: value for key, value in values.items() if value}


def releases_of(
    root: Element, pictures: dict[str | None, Contains]
) -> tuple[list[Release], dict[str, list[Release]]]:
    """Return all releases of a message, and those of each resource by its reference."""
    made = text(root, "MessageHeader/MessageCreatedDateTime") or ""
    deals: dict[str, Deals] = {}  # by the reference of a release; "": about all
    for element in root.iterfind("{*}DealList/{*}ReleaseDeal"):
        these = _deals(element, made)
        references = dict.fromkeys(map(stripped, element.iterfind("{*}DealReleaseReference")))
        for reference in references or ("",):
            deals.setdefault(reference, Deals()).add(these)
    releases: list[Release] = []
    by_resource: dict[str, list[Release]] = {}
    for element in root.iterfind("{*}ReleaseList/{*}*"):
        resources = dict.fromkeys(
            stripped(part) for part in element.iter() if local(part) in RESOURCES
        )
        own = {pictures[name] for name in resources if name in pictures}
        release = Release(release_ids(element), own, Deals())
        for reference in ("", *map(stripped, element.iterfind("{*}ReleaseReference"))):
            if reference in deals:
                release.deals.add(deals[reference])
        releases.append(release)
        for name in resources:
            by_resource.setdefault(name, []).append(release)
    return releases, by_resource


def _deals(element: Element, made: str) -> Deals:
    """Return the deals of one element; those that ended before the message was made are over."""
    deals, ended = Deals(), NOWHERE
    for terms in element.iterfind("{*}Deal/{*}DealTerms"):
        places = _places(terms)
        periods = [
            (text(period, "EndDate", "EndDateTime") or "")[:10]
            for period in terms.iterfind("{*}ValidityPeriod")
        ]
        end = max(periods) if periods and all(periods) else ""
        if flag(terms, "TakeDown"):
            deals.withdraw("taken down", places)
        elif flag(terms, "AllDealsCancelled"):
            deals.withdraw("deals cancelled", places)
        elif end and end < made[:10]:
            ended |= places
        else:
            deals.allowed |= places
            deals.ends.add(end)
    if ended != NOWHERE and not deals.exist:
        deals.withdraw("deals ended", ended)
    return deals


def _places(terms: Element) -> Places:
    """Return the territories of a deal; none named: worldwide."""
    codes: dict[str, dict[str, None]] = {"TerritoryCode": {}, "ExcludedTerritoryCode": {}}
    for element in terms:
        code = stripped(element)
        if local(element) in codes and code:
            if code != "Worldwide" and not COUNTRY.fullmatch(code):
                raise WrongDdex(
                    f"territories: {code[:50]!r} is neither Worldwide nor a country of two letters"
                )
            codes[local(element)][code] = None
    included, excluded = map(tuple, codes.values())
    if included and "Worldwide" not in included:
        return without(Places(included), Places(excluded))
    return Places(excluded, everywhere_else=True)
