"""Files signed with C2PA manifests, by certificates that a test makes itself."""

import io
import json
import wave
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Signatory:
    """Who signs: a certificate under an authority of its own, and the key."""

    chain: str
    key: str
    anchor: str

    @classmethod
    def make(cls, name: str = "Test Generator", ca_days: int = 0) -> "Signatory":
        """Return who signs as of today; the authority began so many days from now."""
        now = datetime.now(UTC)
        ca_key, key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP256R1()),
        )
        ca_name = _name(f"{name} Authority")
        ca = (
            _builder(ca_name, ca_name, ca_key.public_key(), now + timedelta(days=ca_days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False
            )
            .sign(ca_key, hashes.SHA256())
        )
        leaf = (
            _builder(_name(name), ca_name, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
                critical=False,
            )
            .sign(ca_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        return cls(
            chain=(leaf.public_bytes(pem) + ca.public_bytes(pem)).decode(),
            key=key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
            anchor=ca.public_bytes(pem).decode(),
        )

    def sign(
        self,
        content: bytes,
        kind: str = "audio/wav",
        source_type: str = "trainedAlgorithmicMedia",
        **more: Any,
    ) -> bytes:
        """Return ``content`` with a manifest that records how it was made."""
        action: dict[str, Any] = {
            "action": "c2pa.created",
            "digitalSourceType": f"{IPTC}{source_type}",
            **more.get("action", {"softwareAgent": {"name": "Songmaker"}}),
        }
        assertions = [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            *more.get("assertions", ()),
        ]
        manifest = {
            "claim_generator_info": [more.get("generator", {"name": "test", "version": "1.0"})],
            "title": "one",
            "assertions": assertions,
        }
        info = c2pa.C2paSignerInfo(b"es256", self.chain.encode(), self.key.encode(), None)
        signer = c2pa.Signer.from_info(info)
        out = io.BytesIO()
        settings = c2pa.Settings.from_dict({"verify": {"verify_after_sign": False}})
        with c2pa.Builder(json.dumps(manifest), c2pa.Context(settings)) as builder:
            builder.sign(signer, kind, io.BytesIO(content), out)
        return out.getvalue()


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, now: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def wav(seconds: float = 1.0, rate_hz: int = 44_100) -> bytes:
    """A quiet ramp."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        count = int(seconds * rate_hz)
        file.writeframes((np.arange(count) * 37 % 4_000 - 2_000).astype("<i2").tobytes())
    return out.getvalue()
