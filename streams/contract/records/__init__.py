"""The records of all events.

Every record is frozen, carries ``schema_version`` and tolerates unknown fields, so that
an older reader survives a newer writer (additive evolution only). A record's content is
a pure function of its input and of versioned registries: no wall clock, no random ids.
Processing it again gives the same bytes and the same id. The time at which a processor
spoke is the Kafka record's own timestamp.

Each event carries forward what the next processor needs (house rule), so the chain is

    UploadReceived -> TrackFingerprinted -> TrackClassified -> TrackLabelled
                                                            -> TrackDecided -> DecisionApplied
                                                            -> ReviewRequested

Read base, uploads, fingerprints, analyses, decisions: the chain above. Verdicts, appeals, the
registry and policies follow in reviews, rights, policy and credits.
"""

from streams.contract.records.analyses import (
    Analysis,
    Evidence,
    ModelRef,
    SegmentScore,
    ShadowAnalysis,
    TrackClassified,
)
from streams.contract.records.base import (
    MAX_RECORD_BYTES,
    Identifier,
    InvalidRecord,
    Isrc,
    R,
    Record,
    Sha256,
    Territory,
    Text,
    parse,
    stable_id,
)
from streams.contract.records.decisions import (
    Actions,
    Cause,
    DecisionApplied,
    Label,
    LabelMappings,
    PolicyRef,
    ReviewRequested,
    RightsUsed,
    RuleHit,
    Term,
    TerritorialActions,
    TrackDecided,
    TrackLabelled,
)
from streams.contract.records.fingerprints import (
    Aigc,
    AudioFacts,
    Fingerprint,
    Match,
    ObservationRef,
    Provenance,
    TrackFingerprinted,
)
from streams.contract.records.uploads import (
    Contributor,
    DdexMessage,
    Declaration,
    Derivation,
    Tool,
    Upload,
    Uploader,
    UploadReceived,
    VoiceClaim,
)
from streams.contract.vocabulary import (
    Certainty,
    Component,
    Contains,
    Dimension,
    Extent,
    LabelSource,
    Outcome,
)

__all__ = [
    "MAX_RECORD_BYTES",
    "Actions",
    "Aigc",
    "Analysis",
    "AudioFacts",
    "Cause",
    "Certainty",
    "Component",
    "Contains",
    "Contributor",
    "DdexMessage",
    "DecisionApplied",
    "Declaration",
    "Derivation",
    "Dimension",
    "Evidence",
    "Extent",
    "Fingerprint",
    "Identifier",
    "InvalidRecord",
    "Isrc",
    "Label",
    "LabelMappings",
    "LabelSource",
    "Match",
    "ModelRef",
    "ObservationRef",
    "Outcome",
    "PolicyRef",
    "Provenance",
    "R",
    "Record",
    "ReviewRequested",
    "RightsUsed",
    "RuleHit",
    "SegmentScore",
    "Sha256",
    "ShadowAnalysis",
    "Term",
    "TerritorialActions",
    "Territory",
    "Text",
    "Tool",
    "TrackClassified",
    "TrackDecided",
    "TrackFingerprinted",
    "TrackLabelled",
    "Upload",
    "UploadReceived",
    "Uploader",
    "VoiceClaim",
    "parse",
    "stable_id",
]
