"""Labels and credits as ERN 4.3.2 messages that a partner reads.

``ContainsAI`` is that of the prevailing label. Where it is ``All``, only machines are contributors;
where it is ``None``, no contributor does. The standard requires both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from streams.contract.records import Extent, Upload, stable_id
from streams.contract.records.rights import CreditLine
from streams.policy.mappings import DDEX_CONTAINS_AI, DDEX_ROLE
from streams.store.labelled_tracks import LabelledTrack

NAMESPACE: Final = "http://ddex.net/xml/ern/432"
AVS_VERSION: Final = "11"
DPID: Final = re.compile(r"PADPIDA[a-zA-Z0-9]+")
UNKNOWN: Final = "Unknown"
EDITIONS: Final = ("ImmersiveEdition", "NonImmersiveEdition")
# Roles that the standard's list has; others are written as the sender's own.
ROLES: Final = frozenset({
    *DDEX_ROLE.values(),
    *("Arranger", "Artist", "BackgroundVocalist", "Choir", "ComposerLyricist", "Conductor", "DJ"),
    *("Engineer", "Ensemble", "ExecutiveProducer", "LeadVocalist", "MasteringEngineer"),
    *("MixingEngineer", "MusicPublisher", "Musician", "Orchestra", "Performer", "Programmer"),
    *("RecordingEngineer", "Remixer", "Soloist", "SoundDesigner", "StudioMusician"),
    *("StudioProducer", "VocalProducer"),
})  # fmt: skip
NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

register_namespace("ern", NAMESPACE)


@dataclass(frozen=True)
class Parties:
    """Who sends a message, and who receives it, by DPID."""

    sender: str
    recipient: str


def message_id(tracks: Sequence[LabelledTrack], parties: Parties) -> str:
    """Return the id of a message: the same decisions for the same partner are the same message."""
    return stable_id("msg", parties.recipient, *(track.decided.decision_id for track in tracks))


def message(tracks: Sequence[LabelledTrack], parties: Parties, at: datetime) -> bytes:
    """Return a message about the tracks of one release; it has no deals and no files."""
    return _Writer(tracks, parties).message(at)


@dataclass
class _Writer:
    tracks: Sequence[LabelledTrack]
    parties: Parties
    references: dict[str, str] = field(default_factory=dict)  # of parties, by name

    def message(self, at: datetime) -> bytes:
        resources, release = Element("ResourceList"), Element("ReleaseList")
        names = [f"A{number}" for number in range(1, len(self.tracks) + 1)]
        for name, track in zip(names, self.tracks, strict=True):
            resources.append(self._recording(name, track))
        if (image := self._image(f"A{len(names) + 1}")) is not None:
            resources.append(image)
        release.append(self._release(names, image))
        root = Element(f"{{{NAMESPACE}}}NewReleaseMessage")
        root.attrib |= {"AvsVersionId": AVS_VERSION, "LanguageAndScriptCode": "en"}
        header = SubElement(root, "MessageHeader")
        _add(header, "MessageId", message_id(self.tracks, self.parties))
        for role, dpid in (("Sender", self.parties.sender), ("Recipient", self.parties.recipient)):
            _add(SubElement(header, f"Message{role}"), "PartyId", dpid)
        _add(header, "MessageCreatedDateTime", at.isoformat(timespec="seconds"))
        root.append(self._party_list())  # complete once all others are written
        root.extend((resources, release))
        indent(root)
        content: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
        return content

    def _recording(self, name: str, track: LabelledTrack) -> Element:
        upload, extent = track.upload, track.decided.label.extent
        element = Element("SoundRecording")
        _add(element, "ResourceReference", name)
        _add(element, "Type", "MusicalWorkSoundRecording")
        self._resource_id(SubElement(element, "SoundRecordingEdition"), upload)
        _titles(element, upload.title or UNKNOWN)
        self._artists(element, upload)
        lines = list(_contributors(track))
        for number, line in enumerate((line for line in lines if not line.demanded), 1):
            self._contributor(element, line.credit, number)
        _add(element, "Duration", f"PT{max(track.duration_s, 0):.3f}S")
        if extent in DDEX_CONTAINS_AI:
            _add(element, "ContainsAI", DDEX_CONTAINS_AI[extent])
        if upload.derivation is not None and upload.derivation.type == "cover":
            _add(element, "IsCover", "true")
        for line in lines:
            if line.demanded:
                _credit_text(element, f"{', '.join(line.credit.roles)}: {line.credit.name}")
        return element

    def _resource_id(self, edition: Element, upload: Upload) -> None:
        if upload.ddex is not None and upload.ddex.edition in EDITIONS:
            _add(edition, "Type", upload.ddex.edition)
        resource = SubElement(edition, "ResourceId")
        if upload.isrc:
            _add(resource, "ISRC", upload.isrc)
        _add(resource, "ProprietaryId", upload.track_id, Namespace=self.parties.sender)

    def _artists(self, element: Element, upload: Upload) -> None:
        artists = upload.artists or (UNKNOWN,)
        _add(element, "DisplayArtistName", ", ".join(artists))
        for number, name in enumerate(artists, 1):
            artist = SubElement(element, "DisplayArtist", SequenceNumber=str(number))
            _add(artist, "ArtistPartyReference", self._party(name))
            _add(artist, "DisplayArtistRole", "MainArtist")

    def _contributor(self, recording: Element, line: CreditLine, number: int) -> None:
        element = SubElement(recording, "Contributor", SequenceNumber=str(number))
        if line.special_contributor:
            _add(element, "SpecialContributor", line.special_contributor)
        else:
            _add(element, "ContributorPartyReference", self._party(line.name or UNKNOWN))
        for role in line.roles:
            own = {"Namespace": self.parties.sender, "UserDefinedValue": _clean(role)}
            known = role in ROLES
            value = SubElement(element, "Role")
            _add(value, "Value", role if known else "UserDefined", **({} if known else own))
        if line.ai_contribution:
            _add(element, "AiContribution", line.ai_contribution)
        if not line.is_credited:
            _add(element, "IsCredited", "false")
        if line.display_credits:
            _credit_text(element, line.display_credits)

    def _image(self, name: str) -> Element | None:
        """Return the artwork, where a label states what it contains."""
        extents = {track.artwork.extent for track in self.tracks if track.artwork}
        extent = next((one for one in DDEX_CONTAINS_AI if one in extents), None)
        if extent is None:
            return None
        element = Element("Image")
        _add(element, "ResourceReference", name)
        _add(element, "Type", "FrontCoverImage")
        resource = SubElement(element, "ResourceId")
        text = f"artwork:{self.tracks[0].upload.track_id}"
        _add(resource, "ProprietaryId", text, Namespace=self.parties.sender)
        _add(element, "ContainsAI", DDEX_CONTAINS_AI[extent])
        return element

    def _release(self, names: Sequence[str], image: Element | None) -> Element:
        upload = self.tracks[0].upload
        element = Element("Release")
        _add(element, "ReleaseReference", "R0")
        kind = {"Namespace": self.parties.sender, "UserDefinedValue": UNKNOWN}
        _add(element, "ReleaseType", "UserDefined", **kind)
        release_id = SubElement(element, "ReleaseId")
        ids = {"GRid": upload.identifiers.get("grid"), "ICPN": upload.identifiers.get("upc")}
        for name, value in ids.items():
            if value:
                _add(release_id, name, value)
        if not any(ids.values()):
            _add(release_id, "ProprietaryId", upload.track_id, Namespace=self.parties.sender)
        title = upload.title if len(self.tracks) == 1 else None
        _titles(element, title or UNKNOWN)
        self._artists(element, upload)
        _add(element, "ReleaseLabelReference", self._party(upload.distributor or UNKNOWN))
        _add(SubElement(element, "DisplayGenre"), "GenreText", UNKNOWN)
        group = SubElement(element, "ResourceGroup")
        for number, name in enumerate(names, 1):
            item = SubElement(group, "ResourceGroupContentItem")
            _add(item, "SequenceNumber", str(number))
            _add(item, "ReleaseResourceReference", name)
        if image is not None:
            _add(group, "LinkedReleaseResourceReference", f"A{len(names) + 1}")
        return element

    def _party(self, name: str) -> str:
        return self.references.setdefault(name, f"P{len(self.references) + 1}")

    def _party_list(self) -> Element:
        element = Element("PartyList")
        for name, reference in self.references.items():
            party = SubElement(element, "Party")
            _add(party, "PartyReference", reference)
            _add(SubElement(party, "PartyName"), "FullName", name)
        return element


@dataclass(frozen=True)
class _Line:
    """A credit; ``demanded`` by an agreement, where the label admits no such contributor."""

    credit: CreditLine
    demanded: bool = False


def _contributors(track: LabelledTrack) -> Iterator[_Line]:
    extent, upload = track.decided.label.extent, track.upload
    if track.credits:
        for line in track.credits:
            if line.special_contributor or extent is not Extent.ALL:
                yield _Line(_as_person(line))
            else:
                yield _Line(line, demanded=True)
        return
    for person in upload.contributors:
        stated = "None" if extent is Extent.NONE else person.ai_contribution
        if not person.is_generative_ai and extent is not Extent.ALL:
            line = CreditLine(name=person.name, roles=person.roles, ai_contribution=stated)
            yield _Line(_as_person(line))
    if extent in (Extent.ALL, Extent.PARTLY):
        yield _Line(CreditLine(special_contributor="GenerativeAI", ai_contribution="All"))


def _as_person(line: CreditLine) -> CreditLine:
    """Return a line as the standard has it: a person contributes AI partly at most."""
    if line.special_contributor is None and line.ai_contribution == "All":
        return line.model_copy(update={"ai_contribution": "Partly"})
    return line


def _titles(element: Element, title: str) -> None:
    _add(element, "DisplayTitleText", title)
    _add(SubElement(element, "DisplayTitle"), "TitleText", title)


def _credit_text(element: Element, text: str) -> None:
    _add(SubElement(element, "DisplayCredits"), "DisplayCreditText", text)


def _add(parent: Element, name: str, text: str, /, **attributes: str) -> None:
    SubElement(parent, name, attributes).text = _clean(text)


def _clean(text: str) -> str:
    """Return a text without the characters that XML does not have."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
