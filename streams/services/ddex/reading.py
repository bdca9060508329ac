"""ERN messages as uploads: who, what, and how much of it is AI.

ERN 3.4 to 3.8.3 and 4.1 to 4.3.2 are read; the namespace is the version. Contradictions stay as
they are; ``policy.conflicts`` names them.
"""

import os
import re
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from streams.contract.records import (
    Contains,
    Contributor,
    DdexMessage,
    Declaration,
    Derivation,
    Upload,
)
from streams.services.ddex.delivery import Delivery, Withdrawal, listed
from streams.services.ddex.releases import Release, release_ids, releases_of
from streams.services.ddex.territories import NOWHERE, WORLD, Places
from streams.services.ddex.xml import (
    CONTAINS,
    MAX_BYTES,
    WrongDdex,
    anywhere,
    contains,
    flag,
    local,
    stripped,
    text,
    tree,
)

GENERATIVE: Final = "GenerativeAI"
IMMERSIVE: Final = "ImmersiveEdition"
VERSIONS: Final = (
    *("3.4", "3.4.1", "3.5", "3.5.1", "3.6", "3.7", "3.7.1", "3.8", "3.8.1", "3.8.2", "3.8.3"),
    *("4.1", "4.1.1", "4.2", "4.3", "4.3.1", "4.3.2"),
)
NAMESPACES: Final = {f"http://ddex.net/xml/ern/{one.replace('.', '')}": one for one in VERSIONS}
# Children of a recording, an edition or (3.x) the details in a territory.
CONTRIBUTORS: Final = (
    *("Contributor", "EditionContributor", "DisplayArtist"),
    *("ResourceContributor", "IndirectResourceContributor"),
)
ROLES: Final = (
    *("Role", "DisplayArtistRole", "ArtistRole"),
    *("ResourceContributorRole", "IndirectResourceContributorRole"),
)
SPECIAL: Final = ("SpecialContributor", "SpecialDisplayArtist")
NAMED: Final = ("ContributorPartyReference", "ArtistPartyReference")
ADDRESSES: Final = ("URI", "URL", "FileName")
IDS: Final = ("ResourceId", "SoundRecordingId")
MAX_CREDITED: Final = 1_000_000  # of all uploads: each edition has those of its recording


def read(path: Path, senders: Collection[str] = ()) -> Delivery:
    """Return what a message gives. Relative file names are taken from the message's own folder.

    ``senders``: DPIDs whose messages are read; none: of any. A message is written by its deliverer,
    who may name anybody as its sender, and so the tracks of anybody.

    Raises:
        WrongDdex: saying what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongDdex(f"{path}: cannot be read ({error})") from error
    return parse(content, path.resolve().parent, senders)


def parse(content: bytes, folder: Path, senders: Collection[str] = ()) -> Delivery:
    """Return what a message gives; see ``read``."""
    root = tree(content)
    namespace, kind = root.tag.rpartition("}")[0].lstrip("{"), local(root)
    if kind not in ("NewReleaseMessage", "PurgeReleaseMessage"):
        raise WrongDdex(f"{kind[:200]} is no ERN message that delivers or purges releases")
    if namespace not in NAMESPACES:
        raise WrongDdex(
            f"namespace {namespace[:200]!r} is not read; ERN 3.4 to 3.8.3 and 4.1 to 4.3.2 are"
        )
    try:
        delivery = Delivery(_header(root, NAMESPACES[namespace]), kind)
        sender = delivery.message.sender_dpid
        if senders and sender not in senders:
            raise WrongDdex(f"its sender is {sender!r}, not {' or '.join(sorted(senders))}")
        if kind == "PurgeReleaseMessage":
            _purge(root, delivery)
        else:
            _Message(root, folder, delivery).read()
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WrongDdex(f"{where}: {fault['msg']} ({str(fault['input'])[:200]!r})") from error
    return delivery


def _header(root: Element, version: str) -> DdexMessage:
    header = root.find("{*}MessageHeader")
    if header is None:
        raise WrongDdex("the message has no MessageHeader")
    sender = header.find("{*}MessageSender")
    return DdexMessage(
        message_id=text(header, "MessageId") or "unknown",
        ern_version=version,
        sender_dpid=None if sender is None else anywhere(sender, "PartyId"),
    )


def _purge(root: Element, delivery: Delivery) -> None:
    sender = delivery.message.sender_dpid or "ddex"
    for release in root.iterfind("{*}PurgedRelease"):
        names = release_ids(release)
        tracks = (f"{sender}:{_plain(names['isrc'])}",) if "isrc" in names else ()
        delivery.withdrawn.append(Withdrawal("purged", WORLD, names, tracks))
    if not delivery.withdrawn:
        delivery.notes.append("it names no release to purge")


Roles = dict[tuple[str, Contains | None, bool], tuple[str, ...]]
"""Of contributors: by name, extent of AI, and whether it is a machine."""


@dataclass(frozen=True)
class _Recording:
    """A recording, and what its editions have in common: read once, however many these are."""

    element: Element
    reference: str | None
    isrc: str | None
    own_id: str | None
    """Its ISRC, else its id at the sender."""
    fields: dict[str, Any]
    """Of its uploads."""
    roles: Roles


@dataclass(frozen=True)
class _Shared:
    """What the recordings of the same releases have in common."""

    identifiers: dict[str, str]
    artwork: Contains | None
    places: Places
    withdrawn: bool


class _Message:
    """A NewReleaseMessage."""

    def __init__(self, root: Element, folder: Path, delivery: Delivery) -> None:
        self._root, self._folder, self._delivery = root, folder, delivery
        self._sender = delivery.message.sender_dpid or "ddex"
        self._parties = {
            reference: anywhere(party, "FullName", "PartyName")
            for party in root.iterfind("{*}PartyList/{*}Party")
            if (reference := text(party, "PartyReference"))
        }
        self._resources = [
            (resource, text(resource, "ResourceReference"))
            for resource in root.iterfind("{*}ResourceList/{*}*")
        ]
        pictures = {
            reference: extent
            for image, reference in self._resources
            if local(image) == "Image" and (extent := contains(image, "ContainsAI"))
        }
        self._inexact: set[str] = set()
        self._releases, self._releases_of = releases_of(root, pictures, self._inexact)
        self._pictures = set(pictures.values())
        self._shared_by_all = self._shared_of(self._releases)
        self._credited = 0
        shown = "ReleaseList/Release/ReleaseDetailsByTerritory"
        self._release_artist = text(
            root, f"{shown}/DisplayArtistName", f"{shown}/DisplayArtist/PartyName/FullName"
        )
        self._unhashed = 0

    def read(self) -> None:
        """Fill the delivery."""
        delivery = self._delivery
        references: set[str] = set()
        for resource, reference in self._resources:
            if local(resource) != "SoundRecording":
                delivery.pass_over(local(resource), reference or "no reference")
                continue
            if reference in references:  # of which of them do releases and deals speak?
                raise WrongDdex(f"two recordings have the reference {reference[:200]!r}")
            if reference is not None:
                references.add(reference)
            self._read_recording(self._recording(resource, reference))
        delivery.withdrawn += [
            Withdrawal(why, places, release.identifiers, tuple(release.track_ids))
            for release in self._releases
            for why, places in release.deals.withdrawn.items()
        ]
        delivery.notes += self._notes()

    def _notes(self) -> Iterator[str]:
        if text(self._root, "MessageHeader/MessageControlType") == "TestMessage":
            yield "it is a test message"
        if text(self._root, "UpdateIndicator") == "UpdateMessage":
            yield "it is an update: its uploads supersede earlier ones"
        if not self._resources:
            yield "it has no resources"
        elif not any(release.deals.exist for release in self._releases):
            yield "it has no deals: its territories count as Worldwide"
        for release in self._releases:
            if release.deals.end:
                name = " ".join(release.identifiers.values())[:200] or "a release"
                yield f"all deals of {name} end by {release.deals.end}"
        if self._inexact:
            codes = listed(sorted(self._inexact))
            yield (
                f"territories that are no countries: {codes}. A deal there counts for "
                "the country or everywhere, an exclusion or a withdrawal not at all"
            )
        if self._unhashed:
            yield f"hashes that are no SHA-256 and are not compared: {self._unhashed}"

    def _shared_of(self, releases: Sequence[Release]) -> _Shared:
        identifiers: dict[str, str] = {}
        pictures: set[Contains] = set()
        places = NOWHERE
        for release in releases:
            own = {kind: release.identifiers.get(kind) for kind in ("upc", "grid")}
            identifiers = {kind: name for kind, name in own.items() if name} | identifiers
            pictures |= release.pictures
            places |= release.deals.open
        extents = pictures or self._pictures
        return _Shared(
            identifiers=identifiers,
            # Of several images, the one with the most AI counts.
            artwork=next((extent for extent in CONTAINS if extent in extents), None),
            places=WORLD if places == NOWHERE else places,
            withdrawn=places == NOWHERE and any(release.deals.withdrawn for release in releases),
        )

    def _recording(self, element: Element, reference: str | None) -> _Recording:
        iswc = text(element, "WorkId/ISWC", "IndirectSoundRecordingId/ISWC")
        isrc = _isrc(element)
        return _Recording(
            element=element,
            reference=reference,
            isrc=isrc,
            own_id=isrc or _proprietary_id(element),
            fields={
                "title": _title(element),
                "identifiers": {"iswc": iswc} if iswc else {},
                "artists": tuple(dict.fromkeys(self._artists(element))),
                "derivation": Derivation(type="cover") if flag(element, "IsCover") else None,
                "declared": {
                    "contains_ai": contains(element, "ContainsAI"),
                    "has_vocal_performance": flag(element, "HasVocalPerformance"),
                },
            },
            roles=self._roles_in((element, *_by_territory(element))),
        )

    def _read_recording(self, recording: _Recording) -> None:
        delivery, name = self._delivery, recording.reference or "no reference"
        releases = self._releases_of.get(recording.reference or "", [])
        shared = self._shared_of(releases) if releases else self._shared_by_all
        if flag(recording.element, "IsComputerGenerated"):
            delivery.notes.append(f"{name[:200]}: IsComputerGenerated states nothing about AI")
        editions = recording.element.findall("{*}SoundRecordingEdition")
        editions.sort(key=lambda edition: text(edition, "Type") == IMMERSIVE)
        if not editions or _technical(recording.element):
            editions.insert(0, recording.element)
        track_ids: dict[str, None] = {}
        for edition in editions:
            file, why = self._file_of(edition, name)
            track_id = self._track_id(edition, recording, file)
            if track_id in track_ids:
                mark = _edition_type(edition) or anywhere(
                    edition, "TechnicalResourceDetailsReference"
                )
                track_id = f"{track_id}:{mark or len(track_ids)}"
            track_ids[track_id] = None
            if file is None:
                delivery.pass_over(f"SoundRecording with {why}", name)
            elif shared.withdrawn:
                delivery.pass_over("SoundRecording that is withdrawn", name)
            else:
                upload = self._upload(recording, edition, file, track_id, shared)
                delivery.uploads.append(upload)
        for release in releases or self._releases[:1]:
            if release.deals.withdrawn:
                release.track_ids.extend(track_ids)

    def _track_id(self, edition: Element, recording: _Recording, file: Element | None) -> str:
        """Return the track that every message about a recording means, as far as it has an id."""
        own = _isrc(edition) or recording.isrc
        own = own or _proprietary_id(edition) or recording.own_id
        if own is None:
            place = None if file is None else text(file, *ADDRESSES)
            own = f"{self._delivery.message.message_id}:{recording.reference or place}"
        return f"{self._sender}:{own}"

    def _file_of(self, edition: Element, name: str) -> tuple[Element | None, str]:
        """Return the first file that is no clip and comes with the message, or why none is."""
        usable, clips, absent = list[tuple[Element, str]](), list[str](), list[str]()
        for details in _technical(edition):
            technical = text(details, "TechnicalResourceDetailsReference")
            mark = f"{name} {technical}" if technical else name
            is_clip = flag(details, "IsClip") or flag(details, "IsPreview")
            clips += [mark for _ in details.iterfind("{*}ClipDetails/{*}DeliveryFile/{*}File")]
            for holder in (details, *details.iterfind("{*}DeliveryFile")):
                elsewhere = any(
                    flag(element, "IsProvidedInDelivery") is False for element in (details, holder)
                )
                for file in holder.iterfind("{*}File"):
                    if is_clip:
                        clips.append(mark)
                    elif elsewhere or text(file, *ADDRESSES) is None:
                        absent.append(mark)
                    else:
                        usable.append((file, mark))
        if not usable:
            return None, "only a clip" if clips else "no file in the delivery"
        further = [mark for _, mark in usable[1:]]
        self._delivery.pass_over("further file of a recording", *further)
        self._delivery.pass_over("clip of a recording", *clips)
        self._delivery.pass_over("file that is not in the delivery", *absent)
        return usable[0][0], ""

    def _upload(
        self, recording: _Recording, edition: Element, file: Element, track_id: str, shared: _Shared
    ) -> Upload:
        digest = _sha256(file)
        self._unhashed += digest is None and file.find("{*}HashSum") is not None
        territories, excluded = shared.places.as_codes()
        about = {
            "resource_reference": recording.reference,
            "edition": _edition_type(edition),
        }
        declared = recording.fields["declared"] | {"artwork_contains_ai": shared.artwork}
        return Upload(
            track_id=track_id,
            uri=_address(file, self._folder),
            sha256=digest,
            isrc=_isrc(edition) or recording.isrc,
            contributors=self._contributors(recording, edition),
            distributor=self._delivery.message.sender_dpid,
            territories=territories,
            excluded_territories=excluded,
            ddex=DdexMessage.model_validate(self._delivery.message.model_dump() | about),
            **recording.fields
            | {"declared": Declaration(**declared)}
            | {"identifiers": shared.identifiers | recording.fields["identifiers"]},
        )

    def _name_of(self, element: Element) -> str | None:
        reference = text(element, *NAMED)
        known = self._parties.get(reference) if reference else None
        return known or text(element, "PartyName/FullName") or reference

    def _contributors(self, recording: _Recording, edition: Element) -> tuple[Contributor, ...]:
        """Return each contributor once for each extent of AI, with all its roles."""
        roles = recording.roles
        if edition is not recording.element:
            roles = _merged(roles, self._roles_in((edition,)))
        self._credited += len(roles)
        if self._credited > MAX_CREDITED:
            raise WrongDdex(f"its uploads have more than {MAX_CREDITED} contributors")
        return tuple(
            Contributor(name=name, roles=played, ai_contribution=extent, is_generative_ai=machine)
            for (name, extent, machine), played in roles.items()
        )

    def _roles_in(self, sources: Iterable[Element]) -> Roles:
        """Return the contributors that these elements name."""
        played_by: dict[tuple[str, Contains | None, bool], list[str]] = {}
        for element in (child for source in sources for child in source):
            if local(element) not in CONTRIBUTORS:
                continue
            special = text(element, *SPECIAL)
            machine = special == GENERATIVE
            name = special or self._name_of(element)
            if name is None or (local(element) == "DisplayArtist" and not machine):
                continue
            extent = contains(element, "AiContribution")
            key = name, extent or ("All" if machine else None), machine  # by the standard
            played_by.setdefault(key, []).extend(_roles(element))
        return {key: tuple(dict.fromkeys(played)) for key, played in played_by.items()}

    def _artists(self, recording: Element) -> Iterator[str]:
        sources = [recording, *_by_territory(recording)]
        names = [
            self._name_of(artist)
            for source in sources
            for artist in source.iterfind("{*}DisplayArtist")
        ]
        if not any(names):
            names = [text(source, "DisplayArtistName") for source in sources]
        # A recording of 3.x need not repeat the artist of its release.
        yield from filter(None, names if any(names) else [self._release_artist])


def _merged(roles: Roles, more: Roles) -> Roles:
    """Return contributors with the roles that they have in either."""
    again = {
        key: tuple(dict.fromkeys((*roles.get(key, ()), *played))) for key, played in more.items()
    }
    return roles | again


def _technical(holder: Element) -> list[Element]:
    """Return the technical details of an edition or a recording, in any version."""
    details = holder.findall("{*}TechnicalDetails")
    for place in _by_territory(holder):
        details += place.findall("{*}TechnicalSoundRecordingDetails")
    return details


def _by_territory(recording: Element) -> list[Element]:
    """Return the details by territory (3.x), first those of Worldwide or all but some."""
    details = recording.findall("{*}SoundRecordingDetailsByTerritory")
    return sorted(
        details,
        key=lambda place: (
            place.find("{*}ExcludedTerritoryCode") is None
            and text(place, "TerritoryCode") != "Worldwide"
        ),
    )


def _edition_type(edition: Element) -> str | None:
    return text(edition, "Type") if local(edition) == "SoundRecordingEdition" else None


def _title(recording: Element) -> str | None:
    if shown := text(recording, "DisplayTitleText"):
        return shown
    titles = [title for place in _by_territory(recording) for title in place.iterfind("{*}Title")]
    titles.sort(key=lambda title: title.get("TitleType") != "DisplayTitle")
    titles += recording.findall("{*}DisplayTitle") + recording.findall("{*}ReferenceTitle")
    for title in titles:
        if main := text(title, "TitleText"):
            more = text(title, "SubTitle")
            return f"{main} ({more})" if more else main
    return None


def _roles(element: Element) -> Iterator[str]:
    for part in element:
        if local(part) in ROLES:
            value = part if stripped(part) else part.find("{*}Value")
            if value is not None and stripped(value):
                yield (value.get("UserDefinedValue") or "").strip() or stripped(value)


def _isrc(holder: Element) -> str | None:
    isrc = text(holder, *(f"{name}/ISRC" for name in IDS))
    return None if isrc is None else _plain(isrc)


def _plain(isrc: str) -> str:
    return isrc.replace("-", "").upper()


def _proprietary_id(holder: Element) -> str | None:
    for name in IDS:
        for element in holder.iterfind(f"{{*}}{name}/{{*}}ProprietaryId"):
            if stripped(element):
                return f"{element.get('Namespace') or ''}:{stripped(element)}"
    return None


def _address(file: Element, folder: Path) -> str:
    """Return where a file is: on a server, or below the message's own folder."""
    address = text(file, "URI", "URL")
    try:
        if address is None:  # a name as it is, not encoded
            parent = (text(file, "FilePath") or "").strip("/")
            return _below(folder, f"{parent}/{text(file, 'FileName')}".lstrip("/"))
        parts = urlsplit(address)
        scheme = parts.scheme if len(parts.scheme) > 1 else ""
        if scheme not in ("", "file"):
            return address
        return _below(folder, os.fsdecode(unquote_to_bytes(parts.path if scheme else address)))
    except ValueError as error:
        raise WrongDdex(f"URI {(address or '')[:200]!r}: {error}") from error


def _below(folder: Path, name: str) -> str:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise WrongDdex(f"URI {name[:200]!r} leads out of the delivery's folder")
    return path.as_uri()


def _sha256(file: Element) -> str | None:
    """Return the SHA-256 of a file, in hexadecimal; in a message it may be base64."""
    for element in file.iterfind("{*}HashSum"):
        algorithm = text(element, "Algorithm", "HashSumAlgorithmType") or ""
        value = text(element, "HashSumValue", "HashSum") or stripped(element)
        if algorithm.upper().replace("-", "") not in ("SHA256", "SHA2"):
            continue
        if re.fullmatch(r"[0-9a-fA-F]{64}", value):
            return value.casefold()
        if re.fullmatch(r"[0-9A-Za-z+/]{43}=", value):
            return b64decode(value).hex()
    return None
