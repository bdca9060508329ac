"""Who changes banks in tests, and when; what banks recognise in an upload."""

from datetime import UTC, datetime

from streams.contract.records import Match
from streams.known.banks import Banks, By
from streams.known.recognition import matches_of
from streams.media.artefacts import Acoustics

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


BY = By("anna", "a test", NOW)


def looked_up(banks: Banks, landmarks: bytes, content: str = "f" * 64, track: str = "Q-1",
              at: datetime = NOW) -> tuple[Match, ...]:  # fmt: skip
    return matches_of(track, content, Acoustics("e" * 64, landmarks), at, banks)
