"""Value objects that cross the boundaries of the detector; all frozen, numpy not torch."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
FloatVector = NDArray[np.float64]
BoolVector = NDArray[np.bool_]

OBSERVATION_VERSION: Final = 1
"""Of ``detector.observation.observation``; here it is read without scipy."""

APART: Final = 0.95
"""Of ``channels_differ``: from here on the sides are observed and looked up too."""

SIDES: Final = {
    "left": "the left channel",
    "right": "the right channel",
    "difference": "what differs between the channels",
}
"""Of two channels, beside the mix, in the order of their landmarks; in words for people."""


def channel_side(number: int) -> str:
    """Return the name of a side that is one of three and more channels; the first is 1."""
    return f"channel {number}"


def side_in_words(name: str) -> str:
    """Return what people read for a side."""
    return SIDES.get(name, name)


@dataclass(frozen=True)
class AudioFacts:
    """What one decoding pass measured. Times in seconds, levels in dB re full scale."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_s: float
    bit_rate: int | None
    loudness_lufs: float | None
    """BS.1770 gated loudness from 0.37 s spectra; None where all is below -70 LUFS."""
    peak_dbfs: float | None
    silent_share: float
    """Share of 0.1 s blocks whose peak is below -60 dBFS."""
    decode_errors: int
    """Packets that the decoder refused; the rest is decoded."""
    heard_share: float = 1.0
    """Decoded duration over what the file delivers."""
    streams: int = 1
    """Audio streams in the file; the default one is decoded."""
    channels_cancel: float = 0.0
    """Share of the recording in which the channels cancel: the loudest is analysed there."""
    channels_differ: float = 0.0
    """1 where the first two channels are unrelated or opposed, 0 where they are alike.

    Of three and more channels it is also 1 where any two are opposed.
    """


@dataclass(frozen=True)
class Fingerprint:
    """Acoustic fingerprint: libchromaprint's compressed base64 form."""

    algorithm: str
    value: str
    duration_s: float


@dataclass(frozen=True)
class DecodedTrack:
    """Everything that one pass over the audio yields."""

    audio: AudioFacts
    fingerprint: Fingerprint | None
    observation: bytes
    pcm_sha256: str = ""
    """Of the decoded mono mix, float32: the same from WAV, FLAC and any other lossless form."""
    landmarks: bytes = b""
    """The second fingerprint, see ``detector.matching.landmarks``: of the mix, then of the sides
    where the channels differ."""
    provenance: bytes = b""
    """Provenance that the file itself declares, as stored JSON."""


@dataclass(frozen=True)
class SegmentScore:
    """Score of one stretch of the track, at the rate that decided; times in seconds."""

    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True)
class Evidence:
    """One kind of evidence with the sentence that a person reads."""

    kind: str
    score: float
    sentence: str
    rate_hz: float | None = None


class Rates(NamedTuple):
    """The false-positive rates that the operator accepts, one of each tier."""

    suspected: float = 0.01
    identified: float = 0.001


TIERS: Final = ("identified", "suspected")
"""The outcomes that find AI, the surer one first."""


@dataclass(frozen=True)
class Assessment:
    """What a model answers about one observation; see ``streams.contract.records.Analysis``."""

    outcome: str
    reason: str | None
    score: float | None
    probability: float | None
    p_value: float | None
    extent: str
    coverage: float | None
    segments: tuple[SegmentScore, ...]
    generator: str | None
    evidence: tuple[Evidence, ...]
    identified_p_value: float | None = None

    @property
    def finds_ai(self) -> bool:
        """Whether it is of one of ``TIERS``."""
        return self.outcome in TIERS
