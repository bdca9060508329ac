"""Records for tests, each complete; keywords change what a test is about."""

from datetime import UTC, datetime
from typing import Any

from streams.dead_letters import Message
from streams.records import (
    Analysis,
    AudioFacts,
    Declaration,
    Extent,
    Fingerprint,
    ModelRef,
    ObservationRef,
    Outcome,
    Record,
    Tool,
    TrackClassified,
    TrackFingerprinted,
    Upload,
    UploadReceived,
)

UPLOADED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CONTENT = "c" * 64
MODEL = ModelRef(name="clock-1", version="1.0.0", digest="d" * 64)
SAMPLE_TOOL = Tool(name="Earmark Sample Generator", agreement_id="AGR-SAMPLE-1")


def upload(track_id: str = "T-1", **fields: Any) -> Upload:
    return Upload.model_validate({"track_id": track_id, "uri": "file:///audio/one.wav"} | fields)


def received(track_id: str = "T-1", **fields: Any) -> UploadReceived:
    one = upload(track_id, **fields)
    return UploadReceived(upload_id=one.upload_id, upload=one, uploaded_at=UPLOADED_AT)


def audio(**facts: Any) -> AudioFacts:
    heard = {
        "container": "wav",
        "codec": "pcm_s16le",
        "sample_rate_hz": 44_100,
        "channels": 2,
        "duration_s": 180.0,
        "silent_share": 0.0,
    }
    return AudioFacts.model_validate(heard | facts)


def fingerprinted(track_id: str = "T-1") -> TrackFingerprinted:
    one = received(track_id)
    return TrackFingerprinted(
        upload_id=one.upload_id,
        upload=one.upload,
        uploaded_at=one.uploaded_at,
        content_sha256=CONTENT,
        audio=audio(),
        fingerprint=Fingerprint(algorithm="chromaprint-2", value="AQAA", duration_s=120.0),
        observation=ObservationRef(uri="file:///observations/one", version=1, sha256="e" * 64),
    )


def analysis(
    outcome: Outcome = Outcome.AI_LIKELY,
    extent: Extent | None = None,
    p_value: float | None = 0.002,
    **more: Any,
) -> Analysis:
    natural = {Outcome.AI_LIKELY: Extent.ALL, Outcome.HUMAN_LIKELY: Extent.NONE}
    return Analysis.model_validate(
        {
            "analysis_id": "ana_1",
            "outcome": outcome,
            "extent": extent or natural.get(outcome, Extent.UNKNOWN),
            "p_value": p_value,
            "alpha": 0.01,
            "model": MODEL,
        }
        | more
    )


def classified(
    outcome: Outcome = Outcome.AI_LIKELY,
    extent: Extent | None = None,
    *,
    p_value: float | None = 0.002,
    declared: Declaration | None = None,
    heard: AudioFacts | None = None,
    uploaded_at: datetime = UPLOADED_AT,
    generator: str | None = None,
    **upload_fields: Any,
) -> TrackClassified:
    one = upload(**{"declared": declared or Declaration(), **upload_fields})
    return TrackClassified(
        upload_id=one.upload_id,
        upload=one,
        uploaded_at=uploaded_at,
        content_sha256=CONTENT,
        audio=heard or audio(),
        analysis=analysis(outcome, extent, p_value, generator=generator),
    )


def message(topic: str, record: Record, offset: int = 0, **more: Any) -> Message:
    track_id: str = record.track_id  # type: ignore[attr-defined]
    known = {
        "key": track_id.encode(),
        "value": record.to_bytes(),
        "timestamp_ms": 1_795_000_000_000,
    }
    return Message(topic=topic, partition=0, offset=offset, **(known | more))
