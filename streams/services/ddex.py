"""DDEX ERN 4.3.2 messages as uploads: who, what, and how much of it is AI.

Contradictions stay as they are; ``policy.conflicts`` names them. Messages come from outside: DTDs,
entities and external references are refused (defusedxml), and size and depth are limited.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml.ElementTree import fromstring
from pydantic import ValidationError

from detector.errors import SingleReason
from streams.contract.records import (
    Contains,
    Contributor,
    DdexMessage,
    Declaration,
    Derivation,
    Upload,
)

MAX_BYTES: Final = 10_000_000  # some 20,000 recordings; its tree takes ten times as much
MAX_DEPTH: Final = 60
GENERATIVE: Final = "GenerativeAI"
CONTAINS: Final[tuple[Contains, ...]] = get_args(Contains)
_VERSION: Final = re.compile(r"/ern/(\d)(\d)(\d)?$")


class WrongDdex(SingleReason, reason="wrong_ddex"):
    """The message cannot be read, or is none."""


def uploads(path: Path) -> list[Upload]:
    """Return an upload for every sound recording that comes with a file.

    Relative file names are taken from the message's own folder.

    Raises:
        WrongDdex: saying what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongDdex(f"{path}: cannot be read ({error})") from error
    return parse(content, path.resolve().parent)


def parse(content: bytes, folder: Path) -> list[Upload]:
    """Return the uploads of a message; see ``uploads``."""
    if len(content) > MAX_BYTES:
        raise WrongDdex(f"it exceeds {MAX_BYTES} bytes")
    try:
        root = fromstring(content, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise WrongDdex(f"refused: {type(error).__name__}: no DTD and no entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise WrongDdex(f"this is not XML: {error}") from error
    _check_depth(root)
    if _local(root) == "PurgeReleaseMessage":
        return []
    if _local(root) != "NewReleaseMessage":
        raise WrongDdex(f"{_local(root)} is no ERN message")
    try:
        message = _Message(root, folder)
        delivered = map(message.upload, root.iterfind(".//{*}SoundRecording"))
        return [upload for upload in delivered if upload]
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WrongDdex(f"{where}: {fault['msg']} ({str(fault['input'])[:200]!r})") from error


class _Message:
    def __init__(self, root: Element, folder: Path) -> None:
        self._folder = folder
        self._parties = {
            _text(party, "PartyReference"): _first(party, "FullName", "PartyName")
            for party in root.iterfind(".//{*}Party")
        }
        self._message = _ddex_message(root)
        self._territories = _territories(root)
        self._identifiers = _identifiers(root)
        images = [_contains(image, "ContainsAI") for image in root.iterfind(".//{*}Image")]
        # Of several images, the one with the most AI counts.
        self._artwork = next((extent for extent in CONTAINS if extent in images), None)

    def upload(self, recording: Element) -> Upload | None:
        uri = _first(recording, "URI", "FileName")
        if uri is None:
            return None  # a reference without a file: nothing was delivered
        isrc = _first(recording, "ISRC")
        isrc = None if isrc is None else isrc.replace("-", "").upper()
        reference = _text(recording, "ResourceReference")
        sender = self._message.sender_dpid or "ddex"
        name = isrc or f"{self._message.message_id}:{reference or uri}"
        return Upload(
            track_id=f"{sender}:{name}",
            uri=_uri(uri, self._folder),
            sha256=_sha256(recording),
            title=_text(recording, "DisplayTitleText") or _first(recording, "TitleText"),
            isrc=isrc,
            identifiers=self._identifiers,
            artists=tuple(dict.fromkeys(filter(None, self._artists(recording)))),
            contributors=tuple(self._contributors(recording)),
            declared=Declaration(
                contains_ai=_contains(recording, "ContainsAI"),
                artwork_contains_ai=self._artwork,
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
            special = _first(element, "SpecialContributor", "SpecialDisplayArtist")
            machine = special == GENERATIVE
            reference = _first(element, "ContributorPartyReference", "ArtistPartyReference")
            name = special or self._parties.get(reference) or reference
            if name is None or (_local(element) == "DisplayArtist" and not machine):
                continue
            roles = [
                _stripped(part) or _first(part, "Value")
                for part in element
                if _local(part) in ("Role", "DisplayArtistRole")
            ]
            contribution = _contains(element, "AiContribution")
            yield Contributor(
                name=name,
                roles=tuple(dict.fromkeys(filter(None, roles))),
                ai_contribution=contribution or ("All" if machine else None),  # by the standard
                is_generative_ai=machine,
            )

    def _artists(self, recording: Element) -> Iterator[str | None]:
        displayed = recording.findall("{*}DisplayArtist")
        for element in displayed:
            yield self._parties.get(_first(element, "ArtistPartyReference"))
        if not displayed:
            yield _text(recording, "DisplayArtistName")


def _identifiers(root: Element) -> dict[str, str]:
    identifiers: dict[str, str] = {}
    for release in root.iterfind(".//{*}Release"):
        for name, key in (("ICPN", "upc"), ("GRid", "grid")):
            if value := _first(release, name):
                identifiers.setdefault(key, value)
    return identifiers


def _ddex_message(root: Element) -> DdexMessage:
    version = _VERSION.search(root.tag.rpartition("}")[0])
    release = ".".join(filter(None, version.groups())) if version else "unknown"
    if version and version[1] < "4":
        raise WrongDdex(f"ERN {release} is not read, it names artists elsewhere: send 4.3.2")
    header = root.find("{*}MessageHeader")
    if header is None:
        raise WrongDdex("the message has no MessageHeader")
    sender = header.find("{*}MessageSender")
    return DdexMessage(
        message_id=_text(header, "MessageId") or "unknown",
        ern_version=release,
        sender_dpid=None if sender is None else _first(sender, "PartyId"),
    )


def _territories(root: Element) -> tuple[str, ...]:
    """Return the territories of all deals; without deals: worldwide."""
    codes = [
        _stripped(element)
        for deal in root.iterfind(".//{*}DealTerms")
        for element in deal.iter()
        if _local(element) in ("TerritoryCode", "ApplicableTerritoryCode")
    ]
    names = tuple(dict.fromkeys(filter(None, codes)))
    return ("Worldwide",) if not names or "Worldwide" in names else names


def _uri(filename: str, folder: Path) -> str:
    """Return where a file lies: on a server, or below the message's own folder."""
    try:
        parts = urlsplit(filename)
        scheme = parts.scheme if len(parts.scheme) > 1 else ""
        if scheme not in ("", "file"):
            return filename
        name = os.fsdecode(unquote_to_bytes(parts.path if scheme else filename))
        path = (folder / name).resolve()
    except ValueError as error:
        raise WrongDdex(f"URI {filename[:200]!r}: {error}") from error
    if not path.is_relative_to(folder.resolve()):
        raise WrongDdex(f"URI {filename[:200]!r} leads out of the delivery's folder")
    return path.as_uri()


def _sha256(recording: Element) -> str | None:
    for element in recording.iterfind(".//{*}HashSum"):
        algorithm = _first(element, "Algorithm", "HashSumAlgorithmType") or ""
        value = _first(element, "HashSumValue") or _stripped(element) or _first(element, "HashSum")
        if value and algorithm.upper().replace("-", "") in ("SHA256", "SHA2"):
            digest = value.casefold()
            return digest if re.fullmatch(r"[0-9a-f]{64}", digest) else None
    return None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _stripped(element: Element) -> str:
    return (element.text or "").strip()


def _text(element: Element, name: str, path: str = "") -> str | None:
    """Return the text of the first direct child of a name that has any."""
    return next(filter(None, map(_stripped, element.iterfind(f"{path}{{*}}{name}"))), None)


def _first(element: Element, *names: str) -> str | None:
    """Return the text of the first descendant of a name that has any, by the first such name."""
    return next(filter(None, (_text(element, name, ".//") for name in names)), None)


def _contains(element: Element, name: str) -> Contains | None:
    value = _text(element, name)
    if value is not None and value not in CONTAINS:
        raise WrongDdex(f"{name} is one of {', '.join(CONTAINS)}, not {value!r}")
    return value


def _flag(element: Element, name: str) -> bool | None:
    value = _text(element, name)
    return None if value is None else value.casefold() in ("true", "1")


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise WrongDdex(f"nested deeper than {MAX_DEPTH}")
