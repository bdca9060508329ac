"""What a recording is, by each source, and which label prevails."""

from typing import Any, Literal

from pydantic import model_validator

from streams.contract.records.analyses import ModelRef
from streams.contract.records.base import Event, Identifier, Moment, Record, Sha256, Word
from streams.contract.records.fingerprints import Mark
from streams.contract.vocabulary import Certainty, Component, Contains, Extent, LabelSource, Tier


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
    mark: Mark | None = None  # what the file carries that names generator and song
    tier: Tier | None = None  # what the detector finds; of its label only

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_releases(cls, values: Any) -> Any:
        """Read a detector's ``None`` of an earlier release as what it means: no trace found."""
        former = {"source": LabelSource.DETECTOR, "extent": Extent.NONE}
        if isinstance(values, dict) and values | former == values:
            return values | {"extent": Extent.UNKNOWN}
        return values


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
