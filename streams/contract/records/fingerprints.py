"""What the audio of an upload is: facts, fingerprint, provenance, matches with known tracks."""

from typing import Final, Literal

from pydantic import Field

from detector.matching.classes import MatchClass
from streams.contract.records.base import (
    Identifier,
    Long,
    Name,
    Number,
    Record,
    Sha256,
    Text,
    Whole,
)
from streams.contract.records.uploads import UploadEvent
from streams.contract.vocabulary import BankKindName, Extent, KnownAs

WHOLLY_COVERED: Final = frozenset(one.value for one in MatchClass if one.covers_all)
ProvenanceState = Literal["absent", "invalid", "untrusted", "trusted"]


class AudioFacts(Record):
    """What the one decoding pass measured. Loudness is BS.1770 integrated, in LUFS.

    The first share is the decoded duration over the delivered one. ``channels_cancel`` is the share
    of the recording in which the channels cancel. ``channels_differ`` is 1 where the first two
    channels are unrelated or any two are opposed, 0 where they are alike.
    """

    container: str
    codec: str
    sample_rate_hz: Whole
    channels: Whole
    duration_s: Number
    bit_rate: Long | None = None
    loudness_lufs: Number | None = None
    peak_dbfs: Number | None = None
    silent_share: Number
    decode_errors: Whole = 0
    heard_share: Number = 1.0
    streams: Whole = 1
    channels_cancel: Number = 0.0
    channels_differ: Number = 0.0


class Fingerprint(Record):
    """Acoustic fingerprint (libchromaprint, compressed base64 form, first 120 s)."""

    algorithm: str
    value: str
    duration_s: Number


class ObservationRef(Record):
    """Where the observation is, of which version, and what its bytes hash to."""

    uri: str
    version: Whole
    sha256: Sha256


class Aigc(Record):
    """The ``AIGC`` tag of GB 45438: 1 is, 2 may be, 3 suspected."""

    label: Literal["1", "2", "3"]
    producer: Text | None = None
    produce_id: Text | None = None
    propagator: Text | None = None
    propagate_id: Text | None = None


MarkKind = Literal["tag", "graph", "aigc", "c2pa", "watermark"]
MarkStrength = Literal["strong", "weak"]


class Mark(Record):
    """What a generator leaves in its files: it names the generator, and may name the song.

    ``place`` is where it stands; of a watermark, its detector and how many excerpts have it, with
    the least ``confidence``. A ``weak`` mark is a name alone, or a watermark that people's music
    seems to have at times. ``intact`` is false where the manifest that carries it no longer fits
    the file. Anyone can write a mark: it confirms nothing.
    """

    generator: Text
    kind: MarkKind
    strength: MarkStrength
    place: Text
    version: Text | None = None
    song_id: Text | None = None
    intact: bool = True
    confidence: Number | None = None

    @property
    def declares(self) -> bool:
        """Whether it is a statement; a watermark that people's music seems to have is none."""
        return self.kind != "watermark" or self.strength == "strong"


class Certificate(Record):
    """A certificate of a signature; ``sha256`` is its fingerprint. Times are ISO 8601."""

    subject: Text
    issuer: Text
    sha256: Sha256
    valid_from: Text
    valid_until: Text


class TrustAnchor(Record):
    """The authority that confirms a signature: its name here, and its certificate's fingerprint."""

    name: Text
    sha256: Sha256


class Provenance(Record):
    """What a file says of its own making: C2PA manifest, AIGC tag, reservations.

    ``state``: ``trusted`` (valid, and signed by somebody whom the operator trusts),
    ``untrusted`` (valid, signed by anybody), ``invalid`` (changed since, or broken). Only a
    trusted one confirms anything; an untrusted one is a statement like a declaration, and so is
    what an invalid one asserted.
    """  # prose: published

    state: ProvenanceState = "absent"
    codes: tuple[str, ...] = ()
    signer: Text | None = None
    signed_at: Text | None = None
    claim_generator: Text | None = None
    digital_source_types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    software_agents: tuple[str, ...] = ()
    ingredients: Whole = 0
    extent: Extent = Extent.UNKNOWN
    soft_bindings: tuple[str, ...] = ()
    training_mining: dict[str, Literal["allowed", "notAllowed", "constrained"]] = Field(
        default_factory=dict
    )
    aigc: Aigc | None = None
    marks: tuple[Mark, ...] = ()
    chain: tuple[Certificate, ...] = ()
    """Of the signature, the signer's certificate first."""
    anchor: TrustAnchor | None = None
    """Only of a trusted one."""


class Match(Record):
    """A known recording that this upload is, wholly or in part. Times in seconds.

    ``offset_s`` is where in the known one this upload begins (negative: so much comes
    before it); ``speed_ratio`` and ``pitch_ratio`` how much faster and higher it is. The longest
    stretch in common begins at ``start_s`` here and at ``known_start_s`` there: where a person
    listens to both. ``content_sha256`` is the known one's: what the ledger has heard under it can
    be played (an address would not last, and not be everybody's to read). ``item_id`` is its
    track id in a catalogue, elsewhere whatever the bank's owner calls it. A signal for the
    policy, with its sentence for a person; by itself no label and no action.
    """  # prose: published

    match_class: KnownAs
    bank: Identifier
    bank_kind: BankKindName
    item_id: Name
    score: Number
    offset_s: Number | None = None
    overlap_s: Number | None = None
    speed_ratio: Number | None = None
    pitch_ratio: Number | None = None
    generator: Name | None = None
    licence: Name | None = None
    sentence: str
    content_sha256: Sha256 | None = None
    start_s: Number | None = None
    known_start_s: Number | None = None

    def share_of(self, duration_s: float) -> float:
        """Return the share of a track of that duration that it covers, 0 to 1."""
        if self.match_class in WHOLLY_COVERED:
            return 1.0
        return round(min(1.0, (self.overlap_s or 0.0) / max(duration_s, 1e-9)), 4)


class TrackFingerprinted(UploadEvent):
    """tracks.fingerprinted: the audio was heard once; nothing after this needs it."""  # prose: API

    content_sha256: Sha256
    audio: AudioFacts
    fingerprint: Fingerprint | None = None
    observation: ObservationRef
    provenance: Provenance | None = None
    matches: tuple[Match, ...] = ()
