"""The releases of a message: identifiers, resources, and the deals about them.

Each part of a message is read once, and each release gathers its deals once: time stays linear.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from xml.etree.ElementTree import Element

from streams.contract.records import Contains
from streams.services.ddex.territories import NOWHERE, WORLD, Places, without
from streams.services.ddex.territory_codes import places_of
from streams.services.ddex.xml import flag, local, stripped, text

RELEASE_IDS: Final = {
    **{"ICPN": "upc", "GRid": "grid", "ISRC": "isrc"},
    **{"CatalogNumber": "catalog_number", "ProprietaryId": "release_id"},
}
RESOURCES: Final = ("ReleaseResourceReference", "LinkedReleaseResourceReference")


@dataclass
class Deals:
    """Where deals hold, where they are withdrawn by the reason, and the day on which the last ends.

    ``end`` is an empty text where one has no end, and None where there is none. Adding deals takes
    the same time whatever the message has: each of many may be about each of many releases.
    """

    allowed: Places = NOWHERE
    withdrawn: dict[str, Places] = field(default_factory=dict)
    end: str | None = None

    def add(self, other: "Deals") -> None:
        """Add other deals about the same release."""
        self.allowed |= other.allowed
        if other.end is not None:
            self.ends(other.end)
        for why, places in other.withdrawn.items():
            self.withdraw(why, places)

    def withdraw(self, why: str, places: Places) -> None:
        """Add territories where a deal is withdrawn, if there are any."""
        if places == NOWHERE:
            return
        self.withdrawn[why] = self.withdrawn.get(why, NOWHERE) | places

    def ends(self, day: str) -> None:
        """Note when one of them ends."""
        self.end = day if self.end is None else "" if "" in (day, self.end) else max(day, self.end)

    @property
    def exist(self) -> bool:
        """Whether there is any deal."""
        return self.end is not None or bool(self.withdrawn)

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
    root: Element, pictures: dict[str | None, Contains], inexact: set[str]
) -> tuple[list[Release], dict[str, list[Release]]]:
    """Return all releases of a message, and those of each resource by its reference.

    ``inexact`` gets the codes of territories that are no countries: a deal there holds in more
    places, a withdrawal in fewer.
    """
    made = text(root, "MessageHeader/MessageCreatedDateTime") or ""
    deals: dict[str, Deals] = {}  # by the reference of a release; "": about all
    for element in root.iterfind("{*}DealList/{*}ReleaseDeal"):
        these = _deals(element, made, inexact)
        references = dict.fromkeys(map(stripped, element.iterfind("{*}DealReleaseReference")))
        for reference in references or ("",):
            deals.setdefault(reference, Deals()).add(these)
    releases: list[Release] = []
    by_resource: dict[str, list[Release]] = {}
    for element in root.iterfind("{*}ReleaseList/{*}*"):
        resources = dict.fromkeys(
            name for part in element.iter() if local(part) in RESOURCES and (name := stripped(part))
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


def _deals(element: Element, made: str, inexact: set[str]) -> Deals:
    """Return the deals of one element; those that ended before the message was made are over."""
    deals, ended = Deals(), NOWHERE
    for terms in element.iterfind("{*}Deal/{*}DealTerms"):
        places, certain = _places(terms, inexact)
        periods = [
            (text(period, "EndDate", "EndDateTime") or "")[:10]
            for period in terms.iterfind("{*}ValidityPeriod")
        ]
        end = max(periods) if periods and all(periods) else ""
        if flag(terms, "TakeDown"):
            deals.withdraw("taken down", certain)
        elif flag(terms, "AllDealsCancelled"):
            deals.withdraw("deals cancelled", certain)
        elif end and end < made[:10]:
            ended |= certain
        else:
            deals.allowed |= places
            deals.ends(end)
    if ended != NOWHERE and not deals.exist:
        deals.withdraw("deals ended", ended)
    return deals


def _places(terms: Element, inexact: set[str]) -> tuple[Places, Places]:
    """Return the territories of a deal, at most and at least; none named: worldwide.

    They differ where a code is no country; ``inexact`` gets these codes.
    """
    included, excluded = [NOWHERE, NOWHERE], [NOWHERE, NOWHERE]
    names_any = False
    for element in terms:
        kind, code = local(element), stripped(element)
        if kind not in ("TerritoryCode", "ExcludedTerritoryCode") or not code:
            continue
        names_any |= kind == "TerritoryCode"
        places, is_exact = places_of(code)
        both = included if kind == "TerritoryCode" else excluded
        both[0] |= places
        if is_exact:
            both[1] |= places
        else:
            inexact.add(code)
    if not names_any:
        included = [WORLD, WORLD]
    return without(included[0], excluded[1]), without(included[1], excluded[0])
