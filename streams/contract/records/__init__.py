"""The records of all events: the chain below here, the others in reviews, rights, policy.

Every record is frozen, carries ``schema_version`` and tolerates unknown fields, so that
an older reader survives a newer writer (additive evolution only). The schemas publish
the docstrings of records, so a change of one changes a schema. A record's content is
a pure function of its input and of versioned registries: no wall clock, no random ids.
Processing it again gives the same bytes and the same id. The time at which a processor
wrote a record is the Kafka record's own timestamp.

Each event carries forward what the next processor needs, so the chain is

    UploadReceived -> TrackFingerprinted -> TrackClassified -> TrackLabelled
                                                            -> TrackDecided -> DecisionApplied
                                                            -> ReviewRequested
"""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from detector.errors import BadInput
from streams.contract.vocabulary import NEUTRAL, BankKindName, Derivative, KnownAs, action
from streams.contract.vocabulary import Certainty as Certainty
from streams.contract.vocabulary import Component as Component
from streams.contract.vocabulary import Contains as Contains
from streams.contract.vocabulary import Dimension as Dimension
from streams.contract.vocabulary import Extent as Extent
from streams.contract.vocabulary import LabelSource as LabelSource
from streams.contract.vocabulary import Outcome as Outcome

MAX_RECORD_BYTES = 900_000  # below Kafka's default limit of 1 MB for a message
MAX_NAME: Final = 256  # characters: two of the longest fit into one entry of an index
AHEAD: Final = timedelta(minutes=5)  # so much may the clocks of two machines differ


def faults(error: ValidationError) -> list[str]:
    """Return the first five faults of a value, each with its field."""
    return [
        f"{'.'.join(str(part) for part in fault['loc']) or 'record'}: "
        + ("no such field" if fault["type"] == "extra_forbidden" else fault["msg"])
        for fault in error.errors(include_url=False, include_input=False)[:5]
    ]


class InvalidRecord(BadInput):
    """Bytes on a topic that are not the record which the topic promises."""


def stable_id(prefix: str, *parts: str) -> str:
    """Return a deterministic id: ``prefix`` and 96 bits of SHA-256 over the parts.

    Redelivery and replay therefore produce the same id, and consumers are idempotent by it.
    """
    digest = hashlib.sha256(orjson.dumps(parts)).hexdigest()
    return f"{prefix}_{digest[:24]}"


def _plain(value: str) -> str:
    """Refuse what an index or PostgreSQL does not take; published schemas do not state it."""
    if len(value) > MAX_NAME or re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise ValueError(f"at most {MAX_NAME} characters, no control characters")
    return value


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strip_whitespace=True)]
Identifier = Annotated[Name, AfterValidator(_plain)]
Word = Annotated[str, AfterValidator(_plain)]
Moment = Annotated[  # in UTC within the calendar, in every zone of a database
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime.max.replace(tzinfo=UTC)),
]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Territory = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|Worldwide)$")]
Isrc = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Z0-9]{3}\d{7}$")]


class Record(BaseModel):
    """Base of everything that rides a topic."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    def to_bytes(self) -> bytes:
        """Return the record as canonical JSON (UTF-8)."""
        return self.model_dump_json(exclude_none=True).encode()

    @property
    def key(self) -> str:
        """The Kafka key: the track, whose events keep their order."""
        track_id: str = self.track_id  # type: ignore[attr-defined] # of every event but registries'
        return track_id


class Event(Record):
    """Base of the records that are topics' messages."""

    schema_version: Literal[1] = 1


R = TypeVar("R", bound=Record)


def parse(record_type: type[R], value: bytes | None) -> R:
    """Parse the bytes of a topic.

    Raises:
        InvalidRecord: for anything that is not this record; the detail names the fields.
    """
    if value is None:
        raise InvalidRecord("invalid_record", "the message has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidRecord("invalid_record", f"{len(value)} bytes exceed {MAX_RECORD_BYTES}")
    try:
        if b"NaN" in value or b"Infinity" in value:  # a title may say so; a number may not
            orjson.loads(value)
        return record_type.model_validate_json(value)
    except orjson.JSONDecodeError as error:
        raise InvalidRecord("invalid_record", f"not JSON: {error}") from error
    except ValidationError as error:
        raise InvalidRecord("invalid_record", "; ".join(faults(error))) from error


def check_delivered(uploaded_at: datetime) -> None:
    """Raise InvalidRecord for a delivery of the future: all that come would be older than it."""
    now = datetime.now(UTC)  # of this machine: anyone may set a message's own time
    if uploaded_at > now + AHEAD:
        raise InvalidRecord("invalid_record", f"uploaded_at: {uploaded_at} is later than {now}")


class Tool(Record):
    """A generator or tool that the deliverer names, with the agreement it claims."""

    name: Name
    version: Name | None = None
    agreement_id: Identifier | None = None


class Declaration(Record):
    """What the deliverer states about AI use (DDEX ERN 4.3.2 terms).

    ``contains_ai`` is about the recording, ``artwork_contains_ai`` about its picture. What was
    not stated is null, here and in ``Upload``: ids of uploads are made of what was.
    """

    contains_ai: Contains | None = None
    components: tuple[Component, ...] = ()
    tools: tuple[Tool, ...] = ()
    artwork_contains_ai: Contains | None = None
    has_vocal_performance: bool | None = None  # DDEX: a human one


class Derivation(Record):
    """What a recording is made from, as declared."""

    type: Derivative
    source_isrcs: tuple[Isrc, ...] = ()
    source_iswcs: tuple[Identifier, ...] = ()
    source_artists: tuple[Name, ...] = ()  # names or ISNIs


class VoiceClaim(Record):
    """Whose voice is said to be heard without that person singing; by name, ISNI \
or voice id."""  # prose: published

    depicted: Name
    consent_id: Identifier | None = None


class Uploader(Record):
    """What the platform knows of the sending account, where it says so."""  # prose: published

    account_id: Identifier | None = None
    account_age_days: int | None = None
    rate_24h: int | None = None
    strikes: int | None = None
    fraud_score: Annotated[float, Field(ge=0, le=1)] | None = None
    profile_mismatch: bool | None = None


class DdexMessage(Record):
    """Where an upload came from, when it was read from a DDEX message."""

    message_id: Identifier
    ern_version: Identifier
    sender_dpid: Identifier | None = None
    resource_reference: Identifier | None = None


class Contributor(Record):
    """One credited contributor (DDEX ``Contributor``)."""

    name: Name
    roles: tuple[Name, ...] = ()
    ai_contribution: Contains | None = None
    is_generative_ai: bool = False


class Upload(Record):
    """One delivered track, as an ingest pipeline describes it. See ``streams.stages.ingest``."""

    track_id: Identifier
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    sha256: Sha256 | None = None
    title: Text | None = None
    isrc: Isrc | None = None
    identifiers: dict[str, Identifier] = Field(default_factory=dict)
    artists: tuple[Name, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    declared: Declaration = Declaration()
    distributor: Identifier | None = None
    territories: tuple[Territory, ...] = ("Worldwide",)
    release_date: date | None = None
    derivation: Derivation | None = None
    voice: VoiceClaim | None = None
    uploader: Uploader | None = None
    ddex: DdexMessage | None = None

    @property
    def upload_id(self) -> str:
        """Deterministic: the same delivery of the same content is the same upload."""
        facts = self.model_dump_json(exclude_none=True, exclude={"uri"} if self.sha256 else None)
        return stable_id("upl", facts)


class UploadEvent(Event):
    """Base of the events that repeat the upload."""

    upload_id: Identifier
    upload: Upload
    uploaded_at: Moment

    @property
    def track_id(self) -> str:
        """The Kafka key."""
        return self.upload.track_id


class UploadReceived(UploadEvent):
    """tracks.uploaded: a track was delivered."""


class AudioFacts(Record):
    """What the one decoding pass measured. Loudness is BS.1770 integrated, in LUFS."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_s: float
    bit_rate: int | None = None
    loudness_lufs: float | None = None
    peak_dbfs: float | None = None
    silent_share: float
    decode_errors: int = 0


class Fingerprint(Record):
    """Acoustic fingerprint (libchromaprint, compressed base64 form, first 120 s)."""

    algorithm: str
    value: str
    duration_s: float


class ObservationRef(Record):
    """Where the observation is, of which version, and what its bytes hash to."""

    uri: str
    version: int
    sha256: Sha256


class Aigc(Record):
    """The ``AIGC`` tag of GB 45438: 1 is, 2 may be, 3 suspected."""

    label: Literal["1", "2", "3"]
    producer: Text | None = None
    produce_id: Text | None = None
    propagator: Text | None = None
    propagate_id: Text | None = None


class Provenance(Record):
    """What a file says of its own making: C2PA manifest, AIGC tag, reservations.

    ``state``: ``trusted`` (valid, and signed by somebody whom the operator trusts),
    ``untrusted`` (valid, signed by anybody), ``invalid`` (changed since, or broken). Only a
    trusted one confirms anything; an untrusted one is a statement like a declaration.
    """  # prose: published

    state: Literal["absent", "invalid", "untrusted", "trusted"] = "absent"
    codes: tuple[str, ...] = ()
    signer: Text | None = None
    signed_at: Text | None = None
    claim_generator: Text | None = None
    digital_source_types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    software_agents: tuple[str, ...] = ()
    ingredients: int = 0
    extent: Extent = Extent.UNKNOWN
    soft_bindings: tuple[str, ...] = ()
    training_mining: dict[str, Literal["allowed", "notAllowed", "constrained"]] = Field(
        default_factory=dict
    )
    aigc: Aigc | None = None


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
    score: float
    offset_s: float | None = None
    overlap_s: float | None = None
    speed_ratio: float | None = None
    pitch_ratio: float | None = None
    generator: Name | None = None
    licence: Name | None = None
    sentence: str
    content_sha256: Sha256 | None = None
    start_s: float | None = None
    known_start_s: float | None = None


class TrackFingerprinted(UploadEvent):
    """tracks.fingerprinted: the audio was heard once; nothing after this needs it."""  # prose: API

    content_sha256: Sha256
    audio: AudioFacts
    fingerprint: Fingerprint | None = None
    observation: ObservationRef
    provenance: Provenance | None = None
    matches: tuple[Match, ...] = ()


class SegmentScore(Record):
    """Score of one stretch of the track; times in seconds from its start."""

    start_s: float
    end_s: float
    score: float


class Evidence(Record):
    """One kind of evidence with the sentence that a person reads."""

    kind: str
    score: float
    sentence: str
    rate_hz: float | None = None


class ModelRef(Record):
    """Which released model answered: digest is SHA-256 over its manifest."""

    name: Word
    version: Word
    digest: Sha256


class Analysis(Record):
    """The calibrated answer to "is this synthetic audio?".

    ``score`` is raw and unsaturated; ``probability`` is calibrated at even prior odds;
    ``p_value`` is conformal against human recordings; ``alpha`` is the false-positive
    rate that the operator set and under which ``outcome`` was read.
    """

    analysis_id: Identifier
    outcome: Outcome
    reason: str | None = None
    score: float | None = None
    probability: float | None = None
    p_value: float | None = None
    alpha: float
    extent: Extent
    coverage: float | None = None
    segments: tuple[SegmentScore, ...] = ()
    generator: str | None = None
    evidence: tuple[Evidence, ...] = ()
    model: ModelRef


class ShadowAnalysis(Record):
    """What a candidate model answers about the same observation; it decides nothing."""

    model: ModelRef
    outcome: Outcome
    reason: str | None = None
    score: float | None = None
    probability: float | None = None
    p_value: float | None = None
    extent: Extent
    generator: str | None = None


class TrackClassified(UploadEvent):
    """tracks.classified: the detector has answered.

    ``shadow`` is there where a shadow model runs beside the released one.
    """

    content_sha256: Sha256
    audio: AudioFacts
    analysis: Analysis
    shadow: ShadowAnalysis | None = None
    provenance: Provenance | None = None
    matches: tuple[Match, ...] = ()


class Label(Record):
    """A fact about a recording: what it is, how sure we are, who says so."""  # prose: published

    label_id: Identifier
    subject: Literal["recording", "artwork"] = "recording"
    extent: Extent
    components: tuple[Component, ...] = ()
    certainty: Certainty
    source: LabelSource
    generator: str | None = None
    agreement_id: str | None = None
    licensed: bool = False
    neg: bool = False
    origin: Identifier | None = None  # the verdict, appeal or registry entry behind it
    asserted_at: Moment | None = None
    expires_at: Moment | None = None


class LabelMappings(Record):
    """The prevailing label in the words of others; see ``streams.policy.mappings``."""

    ddex_contains_ai: Contains | None = None
    iptc_digital_source_type: str | None = None
    gb45438: Literal["1", "2", "3"] | None = None
    eu_icon: Literal["fully_ai", "partially_ai", "deepfake"] | None = None
    apple_tags: tuple[Literal["artwork", "track", "composition", "music_video"], ...] = ()


class PolicyRef(Record):
    """Which policy decided: digest is SHA-256 over its canonical content."""

    name: Word
    version: Word
    digest: Sha256


class TrackLabelled(Event):
    """tracks.labelled: all labels of one analysis, and the one that prevails."""

    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    analysis_id: Identifier
    model: ModelRef
    policy: PolicyRef
    labels: tuple[Label, ...]
    effective: Label
    artwork: Label | None = None
    mappings: LabelMappings | None = None


class Actions(Record):
    """What the platform does, dimension by dimension (domain: separate end dates later)."""

    display: Annotated[str, action("display")] = NEUTRAL["display"]
    recommendation: Annotated[str, action("recommendation")] = NEUTRAL["recommendation"]
    availability: Annotated[str, action("availability")] = NEUTRAL["availability"]
    monetisation: Annotated[str, action("monetisation")] = NEUTRAL["monetisation"]
    profile: Annotated[str, action("profile")] = NEUTRAL["profile"]

    def differences(self, other: "Actions") -> tuple[Dimension, ...]:
        """Return the dimensions in which the two differ."""
        return tuple(name for name in NEUTRAL if getattr(self, name) != getattr(other, name))


class RuleHit(Record):
    """One rule that matched, in order of evaluation.

    ``pending``: it waits for a person, and what it does until then is the milder action.
    """

    rule_id: Word
    rule_version: int
    reason_code: str
    mode: Literal["live", "canary", "shadow"] = "live"
    pending: bool = False


class Term(Record):
    """One consequence: in which dimension and territories, from when until when, and why."""

    dimension: Dimension
    value: str
    territories: tuple[Territory, ...]
    starts_at: Moment
    ends_at: Moment | None = None
    automation: Literal["fully", "partially", "none"]
    rule_id: str
    reason_code: str


class TerritorialActions(Record):
    """What holds in some territories instead of ``TrackDecided.actions``."""

    territories: tuple[Territory, ...]
    actions: Actions
    licensed: bool = False


class RightsUsed(Record):
    """A registry entry that a decision rests on, in the version that it saw."""

    entry_id: Identifier
    version: int
    agreement_id: Identifier | None = None
    purpose: Literal["licence", "generator", "derivative", "voice"]
    status: str


class Cause(Record):
    """Why a track was decided again."""

    kind: Literal["verdict", "appeal", "rights", "expiry", "policy", "model", "operator"]
    id: Identifier
    version: int | None = None


class TrackDecided(Event):
    """tracks.decided: the consequences that the catalogue applies.

    ``actions`` hold wherever ``territorial`` says nothing else; ``terms`` spell out every
    consequence with its dates. ``features`` is the snapshot that the rules saw (of the
    territories for which ``actions`` hold): with ``policy.digest`` it replays the decision.
    ``facts_digest`` names what people and registries had said; null: nothing.
    ``reconsider_at`` is when one of those facts ends or begins. ``matches`` are the known
    recordings that this one is, with their sentences.
    """  # prose: published

    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    uploaded_at: Moment
    analysis: Analysis
    label: Label
    actions: Actions
    rules: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    review_task_id: str | None = None
    automation: Literal["fully", "partially", "none"] = "fully"
    model: ModelRef
    policy: PolicyRef
    territorial: tuple[TerritorialActions, ...] = ()
    terms: tuple[Term, ...] = ()
    reasons_internal: tuple[str, ...] = ()
    rights: tuple[RightsUsed, ...] = ()
    verdict_id: Identifier | None = None
    appeal_id: Identifier | None = None
    overrides: tuple[str, ...] = ()
    missing_signals: tuple[str, ...] = ()
    cause: Cause | None = None
    previous_decision_id: Identifier | None = None
    changed_dimensions: tuple[Dimension, ...] = ()
    facts_digest: Sha256 | None = None
    features: dict[str, Any] = Field(default_factory=dict)
    reconsider_at: Moment | None = None
    statement_id: Identifier | None = None
    matches: tuple[Match, ...] = ()


class ReviewRequested(Event):
    """reviews.requested: a person must look."""

    task_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    queue: Word
    priority: Annotated[int, Field(ge=0, le=100)]
    reason_codes: tuple[str, ...]
    requested_for: Moment
    sample: bool = False  # a sample of what went by itself, to measure it
    model: ModelRef
    policy: PolicyRef


class DecisionApplied(Event):
    """decisions.applied: the catalogue says what it did with a decision."""  # prose: published

    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    result: Literal["applied", "already_applied", "stale"]

    @model_validator(mode="after")
    def _ids_agree(self) -> Self:
        if not self.decision_id.startswith("dec_"):
            raise ValueError("decision_id must start with dec_")
        return self
