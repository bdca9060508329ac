"""Events for benchmarks: tracks that the detector suspects and people say little about."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from streams.contract.records import (
    Analysis,
    AudioFacts,
    Declaration,
    Extent,
    ModelRef,
    Outcome,
    SegmentScore,
    TrackClassified,
    Upload,
)

AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
_MODEL: Final = ModelRef(name="bench", version="1", digest="0" * 64)
_AUDIO: Final = AudioFacts(
    container="mp3",
    codec="mp3float",
    sample_rate_hz=44_100,
    channels=2,
    duration_s=180.0,
    bit_rate=320_000,
    loudness_lufs=-9.0,
    peak_dbfs=-0.3,
    silent_share=0.01,
)


def event(number: int) -> TrackClassified:
    """Return the ``number``-th event as classify publishes it: three minutes, 30 segments."""
    likely = number % 2 == 0
    upload = Upload(
        track_id=f"T-{number}",
        uri=f"s3://deliveries/{number}.mp3",
        title=f"Song {number}",
        artists=("Somebody",),
        declared=Declaration(contains_ai="None" if number % 3 else "All"),
        distributor=f"D-{number % 40}",
    )
    content = sha256(str(number).encode()).hexdigest()
    return TrackClassified(
        upload_id=upload.upload_id,
        upload=upload,
        uploaded_at=AT,
        content_sha256=content,
        audio=_AUDIO,
        analysis=Analysis(
            analysis_id=f"ana_{content[:24]}",
            outcome=Outcome.IDENTIFIED if likely else Outcome.NO_TRACE,
            extent=Extent.ALL if likely else Extent.NONE,
            score=6.0 if likely else 0.3,
            probability=0.99 if likely else 0.03,
            p_value=0.002 if likely else 0.6,
            alpha=0.01,
            segments=tuple(
                SegmentScore(start_s=6.0 * one, end_s=6.0 * one + 12, score=2.0)
                for one in range(30)
            ),
            model=_MODEL,
        ),
    )
