"""Records for tests, each complete; keywords change what a test is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from streams.contract.dead_letters import Message
from streams.contract.records import (
    Analysis,
    AudioFacts,
    Cause,
    Declaration,
    Extent,
    Fingerprint,
    Match,
    ModelRef,
    ObservationRef,
    Outcome,
    PolicyRef,
    Record,
    Tool,
    TrackClassified,
    TrackFingerprinted,
    Upload,
    UploadReceived,
    stable_id,
)
from streams.contract.records.policy import PolicyChanged, TrackReopened
from streams.contract.records.rescoring import TrackRescored, TrackRescoring
from streams.contract.records.reviews import (
    AppealChanged,
    AppealEvidence,
    Appellant,
    ReviewDecided,
    Reviewer,
    appeal_change_id,
    appeal_id,
)
from streams.contract.records.rights import (
    Compensation,
    Party,
    RightsChanged,
    RightsConditions,
    RightsEntry,
    RightsSubject,
    SourceShare,
    rights_entry_id,
)

UPLOADED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DECIDED_AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CONTENT = "c" * 64
MODEL = ModelRef(name="clock-1", version="1.0.0", digest="d" * 64)
NEXT_MODEL = ModelRef(name="clock-2", version="2.0.0", digest="f" * 64)
SAMPLE_TOOL = Tool(name="Earmark Sample Generator", agreement_id="AGR-SAMPLE-1")


def upload(track_id: str = "T-1", **fields: Any) -> Upload:
    return Upload.model_validate({"track_id": track_id, "uri": "file:///audio/one.wav"} | fields)


def received(track_id: str = "T-1", **fields: Any) -> UploadReceived:
    sent = upload(track_id, **fields)
    return UploadReceived(upload_id=sent.upload_id, upload=sent, uploaded_at=UPLOADED_AT)


def audio(**facts: Any) -> AudioFacts:
    decoded = {
        "container": "wav",
        "codec": "pcm_s16le",
        "sample_rate_hz": 44_100,
        "channels": 2,
        "duration_s": 180.0,
        "silent_share": 0.0,
    }
    return AudioFacts.model_validate(decoded | facts)


def fingerprinted(track_id: str = "T-1") -> TrackFingerprinted:
    sent = received(track_id)
    return TrackFingerprinted(
        upload_id=sent.upload_id,
        upload=sent.upload,
        uploaded_at=sent.uploaded_at,
        content_sha256=CONTENT,
        audio=audio(),
        fingerprint=Fingerprint(algorithm="chromaprint-2", value="AQAA", duration_s=120.0),
        observation=ObservationRef(uri="file:///observations/one", version=1, sha256="e" * 64),
        matches=(match(),),
    )


def rescoring(track_id: str = "T-1", **fields: Any) -> TrackRescoring:
    """The request to score its observation by the next model."""
    known = dict(fingerprinted(track_id)) | {
        "fingerprint": None,
        "model": NEXT_MODEL,
        "replaces": "ana_1",
    }
    return TrackRescoring.model_validate(known | fields)


def rescored(
    track_id: str = "T-1", outcome: Outcome = Outcome.SUSPECTED, **fields: Any
) -> TrackRescored:
    """What the next model answers."""
    return TrackRescored(
        upload_id=received(track_id).upload_id,
        track_id=track_id,
        content_sha256=CONTENT,
        analysis=analysis(outcome, analysis_id="ana_2", model=NEXT_MODEL, **fields),
    )


def match(**fields: Any) -> Match:
    """A recording of the stay-down bank, played faster."""
    known = {
        "match_class": "sped_up",
        "bank": "stay-down",
        "bank_kind": "stay_down",
        "item_id": "T-0",
        "score": 0.85,
        "offset_s": 0.0,
        "overlap_s": 170.0,
        "speed_ratio": 1.04,
        "pitch_ratio": 1.04,
        "sentence": "170 s of this track are T-0, on the stay-down list (stay-down).",
        "content_sha256": "e" * 64,
        "start_s": 1.5,
        "known_start_s": 1.56,
    }
    return Match.model_validate(known | fields)


def in_catalogue(item_id: str = "T-0", **fields: Any) -> Match:
    """The same recording, as another track of the catalogue."""
    known = {"match_class": "near_duplicate", "bank": "catalogue", "bank_kind": "catalogue"}
    sentence = f"The same recording as {item_id}, in the catalogue (catalogue)."
    return match(
        **(known | {"item_id": item_id, "sentence": sentence, "speed_ratio": 1.0} | fields)
    )


def analysis(
    outcome: Outcome = Outcome.IDENTIFIED,
    extent: Extent | None = None,
    p_value: float | None = 0.002,
    **more: Any,
) -> Analysis:
    return Analysis.model_validate(
        {
            "analysis_id": "ana_1",
            "outcome": outcome,
            "extent": extent or (Extent.ALL if outcome.finds_ai else Extent.UNKNOWN),
            "p_value": p_value,
            "alpha": 0.01,
            "model": MODEL,
        }
        | more
    )


def classified(
    outcome: Outcome = Outcome.IDENTIFIED,
    extent: Extent | None = None,
    *,
    p_value: float | None = 0.002,
    declared: Declaration | None = None,
    decoded: AudioFacts | None = None,
    uploaded_at: datetime = UPLOADED_AT,
    generator: str | None = None,
    **upload_fields: Any,
) -> TrackClassified:
    sent = upload(**{"declared": declared or Declaration(), **upload_fields})
    return TrackClassified(
        upload_id=sent.upload_id,
        upload=sent,
        uploaded_at=uploaded_at,
        content_sha256=CONTENT,
        audio=decoded or audio(),
        analysis=analysis(outcome, extent, p_value, generator=generator),
    )


def verdict(**fields: Any) -> ReviewDecided:
    """The verdict of a reviewer on task ``tsk_1`` of the track."""
    known = {
        "verdict_id": stable_id("vrd", "tsk_1", "rev-7", DECIDED_AT.isoformat()),
        "task_id": "tsk_1",
        "track_id": "T-1",
        "upload_id": classified().upload_id,
        "decision_id": "dec_1",
        "content_sha256": CONTENT,
        "reviewer": Reviewer(id="rev-7", role="reviewer"),
        "outcome": "correct",
        "extent": Extent.PARTLY,
        "components": ("vocals",),
        "reason_codes": ("HEARD-VOCALS",),
        "confidence": "high",
        "time_spent_ms": 48_000,
        "decided_at": DECIDED_AT,
    }
    return ReviewDecided.model_validate(known | fields)


def appeal(**fields: Any) -> AppealChanged:
    """An appeal against decision ``dec_1``, as it came in."""
    appeal = appeal_id("dec_1", "upl-9", DECIDED_AT)
    known = {
        "change_id": appeal_change_id(appeal, fields.get("sequence", 0)),
        "appeal_id": appeal,
        "sequence": 0,
        "track_id": "T-1",
        "upload_id": classified().upload_id,
        "decision_id": "dec_1",
        "content_sha256": CONTENT,
        "appellant": Appellant(type="artist", id="upl-9"),
        "state": "received",
        "grounds": "not_ai",
        "statement": "I played every note of it.",
        "evidence": (AppealEvidence(type="stems", uri="https://example.org/stems.zip"),),
        "received_at": DECIDED_AT,
        "window_ends_at": DECIDED_AT + timedelta(days=184),
        "changed_by": "upl-9",
        "changed_at": DECIDED_AT,
    }
    return AppealChanged.model_validate(known | fields)


def agreement(version: int = 1, **fields: Any) -> RightsChanged:
    """An agreement for one generator's output; fields are those of the entry."""
    known = {
        "agreement_id": "AGR-1",
        "grantor": Party(party_id="P-1", name="A Label"),
        "grantee": "A Platform",
        "subject": RightsSubject(wildcard=True),
        "uses": ("generate", "distribute_output"),
        "permission": "opt_in",
        "conditions": RightsConditions(generator_ids=("songmaker",)),
        "valid_from": date(2026, 1, 1),
        "compensation": Compensation(
            model="contract_split",
            basis="net_revenue",
            shares=(SourceShare(source="P-1", share=0.5),),
        ),
        "verification": "verified",
    }
    entry = RightsEntry.model_validate(known | fields)
    return RightsChanged(
        entry_id=rights_entry_id(entry),
        version=version,
        entry=entry,
        changed_by="rights-desk",
        changed_at=DECIDED_AT,
    )


def policy_changed(**fields: Any) -> PolicyChanged:
    """A bundle that goes live."""
    known = {
        "change_id": "pol_1",
        "kind": "bundle",
        "policy": PolicyRef(name="earmark-default", version="9.0.0", digest="b" * 64),
        "state": "live",
        "text": "name: earmark-default",
        "approved_by": ("alice", "bob"),
        "changed_by": "bob",
        "changed_at": DECIDED_AT,
    }
    return PolicyChanged.model_validate(known | fields)


def reopened(**fields: Any) -> TrackReopened:
    known = {"track_id": "T-1", "cause": Cause(kind="rights", id="rgt_1", version=2)}
    return TrackReopened.model_validate(known | fields)


def message(topic: str, record: Record, offset: int = 0, **more: Any) -> Message:
    known: dict[str, Any] = {
        "key": record.key.encode(),
        "value": record.to_bytes(),
        "timestamp_ms": 1_795_000_000_000,
    }
    return Message(topic=topic, partition=0, offset=offset, **(known | more))
