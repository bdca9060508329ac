"""The provenance in a file: C2PA manifests, the AIGC tag, marks of generators, reservations.

Runs in the decode child, which can open no other file and no socket: the native library that reads
manifests gets hostile bytes. It fetches no remote manifests, revocation lists or time stamps.

Only a valid manifest whose signer chains to a trust anchor of the operator
(``EARMARK_TRUST_ANCHORS``) confirms anything. Another valid manifest is a statement. So is one
that does not fit the bytes, as of a file that was tagged anew: it is recorded as invalid, and
what it asserts of AI stays declared.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, Any, Final

from detector.types import DecodedTrack
from detector.watermarks.detectors import Watermark, Watermarks
from streams.contract.records import Certificate, Mark, Provenance, TrustAnchor
from streams.media import marks
from streams.media.anchors import Anchor, signer_chain
from streams.media.anchors import read as read_anchors
from streams.media.audio_formats import behind_tags, container_of
from streams.media.decode_child import decode
from streams.media.tags import Tags, chunk, tags_of
from streams.policy.mappings import extent_of_source_types
from streams.runtime.settings import Settings

MAX_MANIFEST_BYTES: Final = 300_000_000  # of the file: c2pa hashes parts of up to 256 MiB
BLOCK: Final = 2**20
MAX_ITEMS: Final = 50
OBJECTS: Final = ("application/jumbf", "application/c2pa", "application/x-c2pa-manifest-store")
UNLOCATED: Final = "earmark.unlocated"
"""The SDK passes over the place of this manifest, so it cannot tell whether it fits the file."""
WATERMARK_FAILED: Final = "earmark.watermark_failed"
TRAINING: Final = ("cawg.training-mining", "c2pa.training-mining")


@dataclass(frozen=True)
class ProvenanceDecoder:
    """Decodes a file and reads its provenance; the children of the pool call it."""

    anchors: tuple[Anchor, ...] = ()
    watermarks: Watermarks = field(default_factory=Watermarks)

    @classmethod
    def from_settings(cls, settings: Settings) -> "ProvenanceDecoder":
        """Return the decoder with the operator's trust anchors and watermark detectors."""
        path = settings.trust_anchors
        named = filter(None, map(str.strip, settings.watermarks.split(",")))
        return cls(read_anchors(path) if path is not None else (), Watermarks.load(named))

    def __call__(self, descriptor: int, max_duration_s: float) -> DecodedTrack:
        """Decode an open file. Provenance never makes a file undecodable."""
        decoded = decode(descriptor, max_duration_s)
        provenance = read(descriptor, self.anchors)
        watermarks, faults = self.watermarks.search(descriptor, decoded.audio)
        if watermarks or faults:
            provenance = _with_watermarks(provenance or Provenance(), watermarks, faults)
        return decoded if provenance is None else replace(decoded, provenance=provenance.to_bytes())

    @property
    def trust(self) -> str:
        """Names anchors, table of marks, watermarks: what was read under others is read again."""
        known = sorted(anchor.certificate.sha256 for anchor in self.anchors)
        basis = "\n".join((marks.VERSION, *known, *self.watermarks.versions))
        return hashlib.sha256(basis.encode()).hexdigest()[:12]


def read(descriptor: int, anchors: Sequence[Anchor] = ()) -> Provenance | None:
    """Return the provenance in an open file; None where it has none."""
    manifest: Provenance | None = None
    with os.fdopen(os.dup(descriptor), "rb") as file:
        tags = tags_of(file)
        container = container_of(file)
        if container and container.c2pa and os.fstat(descriptor).st_size <= MAX_MANIFEST_BYTES:
            manifest = _manifest(behind_tags(file) or file, container.media_type, anchors, tags)
    aigc = marks.aigc_of(tags.texts)
    left = marks.marks_of(tags.texts), marks.marks_of_aigc(aigc)
    if manifest is None and aigc is None and not any(left):
        return None
    manifest = manifest or Provenance()
    together = marks.merged((*manifest.marks, *left[1], *left[0]))
    return manifest.model_copy(update={"aigc": aigc, "marks": together})


def _with_watermarks(
    provenance: Provenance, watermarks: Iterable[Watermark], faults: Iterable[str]
) -> Provenance:
    """Add watermarks as marks, and what failed as codes."""
    more = [
        Mark(
            generator=one.generator,
            kind="watermark",
            strength="strong" if one.reliable else "weak",
            place=f"{one.name}, in {one.excerpts} excerpts",
            confidence=round(one.confidence, 4),
        )
        for one in watermarks
    ]
    failed = [f"{WATERMARK_FAILED} {fault}"[:200] for fault in faults]
    return provenance.model_copy(
        update={
            "marks": marks.merged((*provenance.marks, *more)),
            "codes": (*provenance.codes, *failed),
        }
    )


def _manifest(
    file: IO[bytes], kind: str, anchors: Sequence[Anchor], tags: Tags
) -> Provenance | None:
    """Read and validate the manifest of a file; None where it has none."""
    if not mentions(file, b"c2pa"):
        return None
    import c2pa

    settings: dict[str, Any] = {
        "verify": {
            "verify_cert_anchors": True,
            "verify_timestamp_trust": False,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "trust": {
            "anchors": [
                {
                    "trust_anchors": anchor.pem,
                    "trust_uri": anchor.certificate.sha256,
                    "trust_kind": "manifest",
                }
                for anchor in anchors
            ]
        },
    }
    broken: Provenance | None = None
    for data in _stores(file, tags):
        try:
            context = c2pa.Context(c2pa.Settings.from_dict(settings))
            reader = c2pa.Reader.try_create(kind, file, data, context)
            if reader is None:
                continue
            with reader:
                state = str(reader.get_validation_state())
                read = _provenance(json.loads(reader.json()), state, anchors)
                read = read.model_copy(update={"chain": _chain(reader)})
            more = () if data is None or read.state != "invalid" else (UNLOCATED,)
            return read.model_copy(update={"codes": (*read.codes, *more)})
        except Exception as error:  # noqa: BLE001 - a broken manifest is a finding, no failure
            code = type(error).__name__
            if "NotFound" not in code:
                broken = broken or Provenance(state="invalid", codes=(code[:100],))
    return broken


def _stores(file: IO[bytes], tags: Tags) -> Iterator[bytes | None]:
    """Return where a manifest may be: None where the SDK looks, then what it passes over."""
    yield None
    yield from (data for media_type, data in tags.objects if media_type in OBJECTS)
    if b"jumb" in (data := chunk(file, b"C2PA") or b"")[:32]:
        yield data


def mentions(file: IO[bytes], word: bytes) -> bool:
    """Whether a file contains a word; it may be larger than the memory that is left."""
    file.seek(0)
    end = b""
    while block := file.read(BLOCK):
        if word in end + block:
            return True
        end = block[1 - len(word) :]
    return False


def _chain(reader: Any) -> tuple[Certificate, ...]:
    """Return the certificates of the active manifest's signature."""
    active = reader.get_active_manifest() or {}
    label = str(active.get("label", ""))
    out = io.BytesIO()
    with suppress(Exception):  # the library refuses the place: then the chain is not known
        reader.resource_to_stream(f"self#jumbf=/c2pa/{label}/c2pa.signature", out)
        serial = active.get("signature_info", {}).get("cert_serial_number")
        return signer_chain(out.getvalue(), label, str(serial))
    return ()


def _provenance(store: Mapping[str, Any], state: str, anchors: Iterable[Anchor]) -> Provenance:
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    actions = list(_actions(active))
    inside = [
        kind
        for entry in active.get("ingredients", ())[:MAX_ITEMS]
        for action in _actions(manifests.get(entry.get("active_manifest"), {}))
        if (kind := action.get("digitalSourceType"))
    ]
    types = _words(action.get("digitalSourceType") for action in actions)
    results = store.get("validation_results", {})
    confirming = next(
        (one for one in anchors if one.certificate.sha256 == results.get("trustListUri")), None
    )
    confirmed = "trusted" if confirming else "untrusted"
    validity = {"Trusted": confirmed, "Valid": "untrusted"}.get(state, "invalid")
    signature = active.get("signature_info", {})
    failures = results.get("activeManifest", {}).get("failure", ())
    return Provenance.model_validate(
        {
            "state": validity,
            "codes": _words(entry.get("code") for entry in failures),
            "signer": signature.get("common_name") or signature.get("issuer"),
            "signed_at": signature.get("time"),
            "claim_generator": _generator(active),
            "digital_source_types": types,
            "actions": _words(action.get("action") for action in actions),
            "software_agents": _words(_agent(action) for action in actions),
            "ingredients": len(active.get("ingredients", ())),
            "soft_bindings": _words(
                entry.get("data", {}).get("alg")
                for entry in _assertions(active, "c2pa.soft-binding")
            ),
            "training_mining": _training(active),
            "extent": extent_of_source_types(types, tuple(inside)),
            "anchor": TrustAnchor(name=confirming.name, sha256=confirming.certificate.sha256)
            if confirming and validity == "trusted"
            else None,
            "marks": marks.marks_of_manifest(
                active, _texts(active, actions), intact=validity != "invalid"
            ),
        }
    )


def _assertions(manifest: Mapping[str, Any], *labels: str) -> Iterator[Mapping[str, Any]]:
    for entry in manifest.get("assertions", ())[:MAX_ITEMS]:
        if str(entry.get("label", "")).split("__")[0] in labels:
            yield entry


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in _assertions(manifest, "c2pa.actions", "c2pa.actions.v2"):
        yield from entry.get("data", {}).get("actions", ())[:MAX_ITEMS]


def _texts(
    manifest: Mapping[str, Any], actions: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Return what may name a generator, by the keys of the table of marks."""
    for entry in (manifest.get("claim_generator_info") or ())[:MAX_ITEMS]:
        yield "c2pa.generator", _named(entry)
    for action in actions:
        agent = action.get("softwareAgent")
        yield "c2pa.agent", _named(agent) if isinstance(agent, Mapping) else str(agent or "")
        yield "c2pa.description", str(action.get("description") or "")


def _named(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('name', '')} {entry.get('version', '')}".strip()[:200]


def _agent(action: Mapping[str, Any]) -> str | None:
    agent = action.get("softwareAgent")
    return agent.get("name") if isinstance(agent, Mapping) else agent


def _generator(manifest: Mapping[str, Any]) -> str | None:
    for entry in manifest.get("claim_generator_info") or ():
        return _named(entry) or None
    generator = manifest.get("claim_generator")
    return str(generator)[:200] if generator else None


def _training(manifest: Mapping[str, Any]) -> dict[str, str]:
    uses: dict[str, str] = {}
    for assertion in _assertions(manifest, *TRAINING):
        for name, entry in assertion.get("data", {}).get("entries", {}).items():
            use = entry.get("use") if isinstance(entry, Mapping) else entry
            if use in ("allowed", "notAllowed", "constrained") and len(uses) < MAX_ITEMS:
                uses[str(name)[:100]] = use
    return uses


def _words(values: Iterable[object]) -> tuple[str, ...]:
    texts = [str(entry)[:200] for entry in values if isinstance(entry, str) and entry]
    return tuple(dict.fromkeys(texts))[:MAX_ITEMS]
