"""Trust anchors: the authorities whose signatures confirm provenance, as PEM files.

A file of ``earmark trust import`` begins with a line of JSON: name, source, when and by whom it
was imported. What reads PEM passes over that line. A PEM file without it is read too.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from detector.errors import BadInput, Fatal
from streams.contract.records import Certificate

SUFFIX: Final = ".pem"
NOTES: Final = ("name", "source", "imported_at", "imported_by")
MAX_FILE_BYTES: Final = 10_000_000
MAX_CHAIN: Final = 10
LONGEST_NAME: Final = 500
SIGNATURE: Final = b"c2pa.signature\0"
IN_SIGNATURE: Final = re.compile(rb"\x59(..)(?=\x30\x82)", re.DOTALL)  # CBOR: that many bytes


@dataclass(frozen=True)
class Anchor:
    """One authority; ``pem`` is its certificate alone."""

    certificate: Certificate
    pem: str
    name: str
    source: str = ""
    imported_at: str = ""
    imported_by: str = ""

    @classmethod
    def of(cls, certificate: x509.Certificate, **notes: str) -> Self:
        """Return the anchor of a certificate; its name is the holder's where none is given."""
        notes = {key: notes[key] for key in NOTES if notes.get(key)}
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return cls(described(certificate), pem, **({"name": _holder(certificate)} | notes))

    def to_bytes(self) -> bytes:
        """Return the anchor as a file."""
        notes = {key: getattr(self, key) for key in NOTES}
        return orjson.dumps(notes) + b"\n" + self.pem.encode()

    def state(self, at: datetime) -> str:
        """Return ``valid``, ``expired`` or ``not yet valid``: only a valid one confirms."""
        if at < datetime.fromisoformat(self.certificate.valid_from):
            return "not yet valid"
        return "expired" if at > datetime.fromisoformat(self.certificate.valid_until) else "valid"


def certificates_of(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates in PEM; raise BadInput where there is none, or a broken one."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadInput("no_certificate", f"not certificates in PEM: {error}") from error


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may sign others: one that may not is no anchor."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def parsed(pem: bytes) -> tuple[Anchor, ...]:
    """Return the anchors of one file; the line of JSON, where it has one, is about all of them."""
    first = pem.partition(b"\n")[0]
    notes = orjson.loads(first) if first.startswith(b"{") else {}
    return tuple(Anchor.of(certificate, **notes) for certificate in certificates_of(pem))


def read(path: Path) -> tuple[Anchor, ...]:
    """Return the anchors of a PEM file, or of all files in a folder whose names end in ``.pem``.

    Raises:
        Fatal: a file cannot be read, or is not what it should be.
    """
    anchors: dict[str, Anchor] = {}
    file = path
    try:
        for file in sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else (path,):
            with file.open("rb") as opened:
                for anchor in parsed(opened.read(MAX_FILE_BYTES)):
                    anchors.setdefault(anchor.certificate.sha256, anchor)
    except (OSError, BadInput, ValueError, TypeError) as error:
        raise Fatal(f"EARMARK_TRUST_ANCHORS: {file}: {error}") from error
    return tuple(anchors.values())


def keep(folder: Path, anchors: Iterable[Anchor]) -> list[Anchor]:
    """Write each anchor to a file of its own; return those that were not there before."""
    folder.mkdir(parents=True, exist_ok=True)
    added = []
    for anchor in anchors:
        path = folder / f"{anchor.certificate.sha256}{SUFFIX}"
        if not path.exists():
            path.with_suffix(".part").write_bytes(anchor.to_bytes())
            path.with_suffix(".part").rename(path)
            added.append(anchor)
    return added


def described(certificate: x509.Certificate) -> Certificate:
    """Return what names a certificate, and between which dates it is valid."""
    return Certificate(
        subject=certificate.subject.rfc4514_string()[:LONGEST_NAME],
        issuer=certificate.issuer.rfc4514_string()[:LONGEST_NAME],
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        valid_from=certificate.not_valid_before_utc.isoformat(),
        valid_until=certificate.not_valid_after_utc.isoformat(),
    )


def signer_chain(store: bytes, manifest: str, serial: str) -> tuple[Certificate, ...]:
    """Return the certificates in the signature of a manifest, the signer's first.

    The C2PA library verifies them and names only the signer. It gives the signer's serial number:
    other bytes that look like certificates are not taken for its chain.
    """
    start = store.find(SIGNATURE, store.find(manifest.encode() + b"\0"))
    box = store.find(b"cbor", start)
    if start < 0 or box < 4:
        return ()
    content = store[box : box - 4 + int.from_bytes(store[box - 4 : box])]
    chain: list[x509.Certificate] = []
    for match in IN_SIGNATURE.finditer(content):
        der = content[match.end() : match.end() + int.from_bytes(match[1])]
        try:
            chain.append(x509.load_der_x509_certificate(der))
        except ValueError:
            continue
        if len(chain) == MAX_CHAIN:
            break
    signs = bool(chain) and str(chain[0].serial_number) == serial
    return tuple(described(one) for one in chain) if signs else ()


def uncovered(
    chain: Iterable[Certificate], anchors: Iterable[Anchor], at: datetime | None = None
) -> str:
    """Return why no anchor covers a chain of certificates, as a sentence."""
    chain, anchors = tuple(chain), tuple(anchors)
    issuers = {one.issuer for one in chain}
    known = {one.sha256 for one in chain}
    near = [one for one in anchors
            if one.certificate.sha256 in known or one.certificate.subject in issuers]  # fmt: skip
    for anchor in near:
        if (state := anchor.state(at or datetime.now(UTC))) != "valid":
            return f"The anchor {anchor.name} ({anchor.certificate.sha256}) is {state}."
    if near:
        return f"The anchor {near[0].name} has the issuer's name, and did not sign this chain."
    if not anchors:
        return "There is no anchor."
    return f"No anchor is {chain[-1].issuer}." if chain else "The signature has no certificates."


def _holder(certificate: x509.Certificate) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(kind):
            return str(attribute.value)[:LONGEST_NAME]
    return certificate.subject.rfc4514_string()[:LONGEST_NAME]
