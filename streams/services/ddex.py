"""DDEX ERN 4.3.2 messages as uploads: who, what, and how much of it is AI.

``ContainsAI`` and ``HasVocalPerformance`` of a sound recording, ``AiContribution`` and
``SpecialContributor`` of its contributors, ``ContainsAI`` of the release's images. Nothing is
concluded here: contradictions stay as they are, and ``policy.conflicts`` names them.

Messages come from outside: no DTD, no entities, no external references are read (defusedxml),
and size and depth are limited. Elements are found by their local names, so that a message of
another 4.x version is read as far as it says the same; one of 3.x is refused. Files lie on a
server or below the message's own folder, and nowhere else.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml.ElementTree import fromstring
from pydantic import ValidationError

from detector.errors import BadInput
from streams.contract.records import (
    Contains,
    Contributor,
    DdexMessage,
    Declaration,
    Derivation,
    Upload,
)

MAX_BYTES: Final = 50_000_000
MAX_DEPTH: Final = 60
GENERATIVE: Final = "GenerativeAI"
_CONTAINS: Final = ("All", "Partly", "None")
_VERSION: Final = re.compile(r"/ern/(\d)(\d)(\d)?$")


class WrongDdex(BadInput):
    """The message cannot be read, or is none."""

    def __init__(self, detail: str) -> None:
        super().__init__("wrong_ddex", detail)


def uploads(path: Path) -> list[Upload]:
    """Return an upload for every sound recording that comes with a file.

    Relative file names are taken from the message's own folder.

    Raises:
        WrongDdex: saying what is wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongDdex(f"{path}: cannot be read ({error})") from error
    return parse(content, path.resolve().parent)


def parse(content: bytes, folder: Path) -> list[Upload]:
    """Return the uploads of a message; see ``uploads``."""
    if len(content) > MAX_BYTES:
        raise WrongDdex(f"{len(content)} bytes exceed {MAX_BYTES}")
    try:
        root = fromstring(content, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise WrongDdex(f"refused: {type(error).__name__}: no DTD and no entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise WrongDdex(f"this is not XML: {error}") from error
    _check_depth(root)
    if _local(root) not in ("NewReleaseMessage", "PurgeReleaseMessage"):
        raise WrongDdex(f"{_local(root)} is no ERN message")
    if _local(root) == "PurgeReleaseMessage":
        return []
    try:
        message = _Message(root, folder)
        delivered = map(message.upload, message.recordings())
        return [upload for upload in delivered if upload]
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WrongDdex(f"{where}: {fault['msg']} ({str(fault['input'])[:200]!r})") from error


class _Message:
    def __init__(self, root: Element, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._parties = {
            _text(party, "PartyReference"): _first(party, "FullName") or _first(party, "PartyName")
            for party in root.iter()
            if _local(party) == "Party"
        }
        self._message = _ddex_message(root)
        self._territories = _territories(root)

    def recordings(self) -> Iterator[Element]:
        return (one for one in self._root.iter() if _local(one) == "SoundRecording")

    def upload(self, recording: Element) -> Upload | None:
        uri = _first(recording, "URI") or _first(recording, "FileName")
        if uri is None:
            return None  # a reference without a file: nothing was delivered
        isrc = _first(recording, "ISRC")
        isrc = None if isrc is None else isrc.replace("-", "").upper()
        reference = _text(recording, "ResourceReference")
        contributors = tuple(self._contributors(recording))
        sender = self._message.sender_dpid or "ddex"
        name = isrc or f"{self._message.message_id}:{reference or uri}"
        return Upload(
            track_id=f"{sender}:{name}",
            uri=_uri(uri, self._folder),
            sha256=_sha256(recording),
            title=_text(recording, "DisplayTitleText") or _first(recording, "TitleText"),
            isrc=isrc,
            identifiers=self._identifiers(),
            artists=tuple(dict.fromkeys(self._artists(recording))),
            contributors=contributors,
            declared=Declaration(
                contains_ai=_contains(recording, "ContainsAI"),
                artwork_contains_ai=self._artwork(),
                has_vocal_performance=_flag(recording, "HasVocalPerformance"),
            ),
            distributor=self._message.sender_dpid,
            territories=self._territories,
            derivation=Derivation(type="cover") if _flag(recording, "IsCover") else None,
            ddex=self._message.model_copy(update={"resource_reference": reference}),
        )

    def _contributors(self, recording: Element) -> Iterator[Contributor]:
        for element in recording:
            if _local(element) not in ("Contributor", "DisplayArtist"):
                continue
            special = _first(element, "SpecialContributor") or _first(
                element, "SpecialDisplayArtist"
            )
            machine = special == GENERATIVE
            reference = _first(element, "ContributorPartyReference") or _first(
                element, "ArtistPartyReference"
            )
            name = special or self._parties.get(reference) or reference
            if name is None or (_local(element) == "DisplayArtist" and not machine):
                continue
            roles = [role for part in element if _local(part) in ("Role", "DisplayArtistRole")
                     if (role := _value(part))]  # fmt: skip
            ai_contribution = _contains(element, "AiContribution")
            # The standard: it defaults to All where the contributor is a machine.
            contribution: Contains | None = ai_contribution or ("All" if machine else None)
            yield Contributor(
                name=name,
                roles=tuple(dict.fromkeys(roles)),
                ai_contribution=contribution,
                is_generative_ai=machine,
            )

    def _artists(self, recording: Element) -> Iterator[str]:
        for element in recording:
            if _local(element) == "DisplayArtist":
                reference = _first(element, "ArtistPartyReference")
                name = self._parties.get(reference)
                if name:
                    yield name
        if not any(_local(element) == "DisplayArtist" for element in recording):
            shown = _text(recording, "DisplayArtistName")
            if shown:
                yield shown

    def _artwork(self) -> Contains | None:
        """What is declared of the release's images: the most of it."""
        images = [
            _contains(one, "ContainsAI") for one in self._root.iter() if _local(one) == "Image"
        ]
        return next((word for word in ("All", "Partly", "None") if word in images), None)

    def _identifiers(self) -> dict[str, str]:
        identifiers: dict[str, str] = {}
        for element in self._root.iter():
            if _local(element) == "Release":
                for name, key in (("ICPN", "upc"), ("GRid", "grid")):
                    value = _first(element, name)
                    if value:
                        identifiers.setdefault(key, value)
        return identifiers


def _ddex_message(root: Element) -> DdexMessage:
    header = next((one for one in root if _local(one) == "MessageHeader"), None)
    namespace = root.tag[1:].split("}")[0] if root.tag.startswith("{") else ""
    version = _VERSION.search(namespace)
    if version and version[1] < "4":
        release = ".".join(part for part in version.groups() if part)
        raise WrongDdex(f"ERN {release} is not read, it names artists elsewhere: send 4.3.2")
    if header is None:
        raise WrongDdex("the message has no MessageHeader")
    sender = next((one for one in header if _local(one) == "MessageSender"), None)
    return DdexMessage(
        message_id=_text(header, "MessageId") or "unknown",
        ern_version=".".join(part for part in version.groups() if part) if version else "unknown",
        sender_dpid=None if sender is None else _first(sender, "PartyId"),
    )


def _territories(root: Element) -> tuple[str, ...]:
    """Return the territories of all deals; a message without deals says nothing: worldwide."""
    codes = [
        (one.text or "").strip()
        for deal in root.iter()
        if _local(deal) == "DealTerms"
        for one in deal.iter()
        if _local(one) in ("TerritoryCode", "ApplicableTerritoryCode")
    ]
    names = tuple(dict.fromkeys(name for name in codes if name))
    return ("Worldwide",) if not names or "Worldwide" in names else names


def _uri(filename: str, folder: Path) -> str:
    """Return where a file lies: on a server, or below the message's own folder."""
    try:
        parts = urlsplit(filename)
        scheme = parts.scheme if len(parts.scheme) > 1 else ""
        if scheme not in ("", "file"):
            return filename
        path = (folder / unquote(parts.path if scheme else filename)).resolve()
    except ValueError as error:
        raise WrongDdex(f"URI {filename[:200]!r}: {error}") from error
    if not path.is_relative_to(folder.resolve()):
        raise WrongDdex(f"URI {filename[:200]!r} leads out of the delivery's folder")
    return path.as_uri()


def _sha256(recording: Element) -> str | None:
    for element in recording.iter():
        if _local(element) == "HashSum":
            algorithm = (
                _first(element, "Algorithm") or _first(element, "HashSumAlgorithmType") or ""
            )
            value = _first(element, "HashSumValue") or _first(element, "HashSum")
            if value and algorithm.upper().replace("-", "") in ("SHA256", "SHA2"):
                digest = value.casefold()
                return digest if re.fullmatch(r"[0-9a-f]{64}", digest) else None
    return None


def _local(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def _text(element: Element, name: str) -> str | None:
    """Return the text of a direct child."""
    for child in element:
        if _local(child) == name and child.text and child.text.strip():
            return child.text.strip()
    return None


def _first(element: Element, name: str) -> str | None:
    """Return the text of the first descendant of a name."""
    for child in element.iter():
        if _local(child) == name and child.text and child.text.strip():
            return child.text.strip()
    return None


def _value(element: Element) -> str | None:
    text = (element.text or "").strip()
    return text or _first(element, "Value")


def _contains(element: Element, name: str) -> Contains | None:
    value = _text(element, name)
    if value is None:
        return None
    if value not in _CONTAINS:
        raise WrongDdex(f"{name} is one of {', '.join(_CONTAINS)}, not {value!r}")
    return cast(Contains, value)


def _flag(element: Element, name: str) -> bool | None:
    value = _text(element, name)
    return None if value is None else value.casefold() in ("true", "1")


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for one in level for child in one]
        if not level:
            return
    raise WrongDdex(f"nested deeper than {MAX_DEPTH}")
