"""The events on the topics: what is said, in which words.

Every record is frozen, carries ``schema_version`` and tolerates unknown fields, so that
an older reader survives a newer writer (additive evolution only). A record's content is
a pure function of its input and of versioned registries: no wall clock, no random ids.
Processing it again gives the same bytes and the same id. The time at which a processor
spoke is the Kafka record's own timestamp.

Each event carries forward what the next processor needs (house rule), so the chain is

    UploadReceived -> TrackFingerprinted -> TrackClassified -> TrackLabelled
                                                            -> TrackDecided -> DecisionApplied
                                                            -> ReviewRequested

What people and registries say stands in ``records_reviews`` and ``records_rights``.
"""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeVar

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from detector.errors import BadInput

MAX_RECORD_BYTES = 900_000  # below Kafka's default limit of 1 MB for a message


class InvalidRecord(BadInput):
    """Bytes on a topic that are not the record which the topic promises."""


def stable_id(prefix: str, *parts: str) -> str:
    """Return a deterministic id: ``prefix`` and 96 bits of SHA-256 over the parts.

    Redelivery and replay therefore produce the same id, and consumers are idempotent by it.
    """
    digest = hashlib.sha256(orjson.dumps(parts)).hexdigest()
    return f"{prefix}_{digest[:24]}"


class Extent(StrEnum):
    """How much of a recording is AI-generated: DDEX ``ContainsAI`` plus our Unknown."""

    ALL = "All"
    PARTLY = "Partly"
    NONE = "None"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """How sure a label is; GB 45438 codes 1, 2, 3 in this order."""

    CONFIRMED = "confirmed"
    DECLARED = "declared"
    SUSPECTED = "suspected"


class Outcome(StrEnum):
    """What the detector answers; it may abstain."""

    AI_LIKELY = "ai_likely"
    HUMAN_LIKELY = "human_likely"
    UNCERTAIN = "uncertain"
    NOT_ASSESSABLE = "not_assessable"


class LabelSource(StrEnum):
    """Who states a label."""

    DETECTOR = "detector"
    DECLARATION = "declaration"
    PROVENANCE = "provenance"
    REGISTRY = "registry"
    REVIEWER = "reviewer"
    APPEAL = "appeal"


Component = Literal[
    "vocals", "instrumentation", "composition", "lyrics", "post_production", "artwork"
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True)]
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
        return record_type.model_validate_json(value)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'record'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:5]
        )
        raise InvalidRecord("invalid_record", faults) from error


# --- what the ingest pipeline says -------------------------------------------------------


class Tool(Record):
    """A generator or tool that the deliverer names, with the agreement it claims."""

    name: Identifier
    version: Identifier | None = None
    agreement_id: Identifier | None = None


class Declaration(Record):
    """What the deliverer states about AI use (DDEX ERN 4.3.2 terms)."""

    contains_ai: Literal["All", "Partly", "None"] | None = None
    components: tuple[Component, ...] = ()
    tools: tuple[Tool, ...] = ()


class Contributor(Record):
    """One credited contributor (DDEX ``Contributor``)."""

    name: Identifier
    roles: tuple[Identifier, ...] = ()
    ai_contribution: Literal["All", "Partly", "None"] | None = None
    is_generative_ai: bool = False


class Upload(Record):
    """One delivered track, as an ingest pipeline describes it. See ``streams.ingest``."""

    track_id: Identifier
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    sha256: Sha256 | None = None
    title: Text | None = None
    isrc: Isrc | None = None
    identifiers: dict[str, Identifier] = Field(default_factory=dict)
    artists: tuple[Identifier, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    declared: Declaration = Declaration()
    distributor: Identifier | None = None
    territories: tuple[Territory, ...] = ("Worldwide",)
    release_date: date | None = None

    @property
    def upload_id(self) -> str:
        """Deterministic: the same delivery of the same content is the same upload."""
        facts = self.model_dump_json(exclude_none=True, exclude={"uri"} if self.sha256 else None)
        return stable_id("upl", facts)


class UploadReceived(Record):
    """tracks.uploaded: a track was delivered."""

    schema_version: Literal[1] = 1
    upload_id: Identifier
    upload: Upload
    uploaded_at: AwareDatetime

    @property
    def track_id(self) -> str:
        """The Kafka key."""
        return self.upload.track_id


# --- what was heard ----------------------------------------------------------------------


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


class TrackFingerprinted(Record):
    """tracks.fingerprinted: the audio was heard once; nothing after this needs it."""

    schema_version: Literal[1] = 1
    upload_id: Identifier
    upload: Upload
    uploaded_at: AwareDatetime
    content_sha256: Sha256
    audio: AudioFacts
    fingerprint: Fingerprint | None = None
    observation: ObservationRef

    @property
    def track_id(self) -> str:
        """The Kafka key."""
        return self.upload.track_id


# --- what the detector answers -----------------------------------------------------------


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

    name: str
    version: str
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


class TrackClassified(Record):
    """tracks.classified: the detector has answered.

    ``shadow`` is there where a shadow model runs beside the released one.
    """

    schema_version: Literal[1] = 1
    upload_id: Identifier
    upload: Upload
    uploaded_at: AwareDatetime
    content_sha256: Sha256
    audio: AudioFacts
    analysis: Analysis
    shadow: ShadowAnalysis | None = None

    @property
    def track_id(self) -> str:
        """The Kafka key."""
        return self.upload.track_id


# --- facts and consequences --------------------------------------------------------------


class Label(Record):
    """A fact about a recording: what it is, how sure we are, who says so."""

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


class PolicyRef(Record):
    """Which policy decided: digest is SHA-256 over its canonical content."""

    name: str
    version: str
    digest: Sha256


class TrackLabelled(Record):
    """tracks.labelled: all labels of one analysis, and the one that prevails."""

    schema_version: Literal[1] = 1
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    analysis_id: Identifier
    model: ModelRef
    policy: PolicyRef
    labels: tuple[Label, ...]
    effective: Label


class Actions(Record):
    """What the platform does, dimension by dimension (domain: separate end dates later)."""

    display: Literal["none", "ai_badge", "partly_ai_badge"] = "none"
    recommendation: Literal["allow", "exclude_algorithmic", "exclude_all"] = "allow"
    availability: Literal["allow", "hold", "takedown"] = "allow"
    monetisation: Literal["allow", "hold", "exclude"] = "allow"
    profile: Literal["attach", "await_approval", "detach"] = "attach"


class RuleHit(Record):
    """One rule that matched, in order of evaluation."""

    rule_id: str
    rule_version: int
    reason_code: str


class TrackDecided(Record):
    """tracks.decided: the consequences that the catalogue applies."""

    schema_version: Literal[1] = 1
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    uploaded_at: AwareDatetime
    analysis: Analysis
    label: Label
    actions: Actions
    rules: tuple[RuleHit, ...]
    reasons_public: tuple[str, ...]
    review_task_id: str | None = None
    automation: Literal["fully", "partially"] = "fully"
    model: ModelRef
    policy: PolicyRef


class ReviewRequested(Record):
    """reviews.requested: a person must look."""

    schema_version: Literal[1] = 1
    task_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    queue: str
    priority: Annotated[int, Field(ge=0, le=100)]
    reason_codes: tuple[str, ...]
    requested_for: AwareDatetime
    model: ModelRef
    policy: PolicyRef


class DecisionApplied(Record):
    """decisions.applied: the catalogue says what it did with a decision."""

    schema_version: Literal[1] = 1
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    result: Literal["applied", "already_applied", "stale"]

    @model_validator(mode="after")
    def _ids_agree(self) -> Self:
        if not self.decision_id.startswith("dec_"):
            raise ValueError("decision_id must start with dec_")
        return self
