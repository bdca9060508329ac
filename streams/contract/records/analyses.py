"""What the detector answers."""

from pydantic import field_validator

from streams.contract.records.base import (
    Identifier,
    Number,
    Record,
    Sha256,
    Word,
)
from streams.contract.records.fingerprints import AudioFacts, Match, Provenance
from streams.contract.records.uploads import UploadEvent
from streams.contract.vocabulary import Extent, Outcome


def never_none(extent: Extent) -> Extent:
    """Return a detector's extent: that it finds no trace does not mean that there is no AI."""
    return Extent.UNKNOWN if extent is Extent.NONE else extent


class SegmentScore(Record):
    """Score of one stretch of the track; times in seconds from its start."""

    start_s: Number
    end_s: Number
    score: Number


class Evidence(Record):
    """One kind of evidence with the sentence that a person reads."""

    kind: str
    score: Number
    sentence: str
    rate_hz: Number | None = None


class ModelRef(Record):
    """Which released model answered: digest is SHA-256 over its manifest."""

    name: Word
    version: Word
    digest: Sha256


class Analysis(Record):
    """The calibrated answer to "is this synthetic audio?".

    ``score`` is raw and unsaturated; ``probability`` is calibrated at even prior odds;
    ``p_value`` is conformal against human recordings; ``alpha`` is the false-positive
    rate that the operator set and under which ``outcome`` was read. ``identified_p_value`` and
    ``identified_alpha`` are the same of the outcome ``identified``. ``ai_likely`` and
    ``human_likely`` are of earlier releases and read as ``suspected`` and ``no_trace``.
    ``compared_with`` names the part of people's music that the p-value compares with: a
    population, or a stratum of it.
    """

    analysis_id: Identifier
    outcome: Outcome
    reason: str | None = None
    score: Number | None = None
    probability: Number | None = None
    p_value: Number | None = None
    alpha: Number
    extent: Extent
    coverage: Number | None = None
    segments: tuple[SegmentScore, ...] = ()
    generator: str | None = None
    evidence: tuple[Evidence, ...] = ()
    model: ModelRef
    identified_p_value: Number | None = None
    identified_alpha: Number | None = None
    compared_with: Word | None = None

    _extent = field_validator("extent")(never_none)


class ShadowAnalysis(Record):
    """What a candidate model answers about the same observation; it decides nothing."""

    model: ModelRef
    outcome: Outcome
    reason: str | None = None
    score: Number | None = None
    probability: Number | None = None
    p_value: Number | None = None
    extent: Extent
    generator: str | None = None

    _extent = field_validator("extent")(never_none)


class TrackClassified(UploadEvent):
    """tracks.classified: the detector has answered.

    ``shadow`` is there where a shadow model runs beside the released one. ``replaces`` is
    the analysis in whose place this one is, of the same stored observation by another model. The
    track is then decided again once the ledger has the event.
    """

    content_sha256: Sha256
    audio: AudioFacts
    analysis: Analysis
    shadow: ShadowAnalysis | None = None
    replaces: Identifier | None = None
    provenance: Provenance | None = None
    matches: tuple[Match, ...] = ()
