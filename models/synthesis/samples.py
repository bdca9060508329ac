"""Self-made tracks, one for each way that an upload can go; nothing is stored.

They are no evidence of how well the detector does on real generators.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from scipy import fft

from detector.types import FloatArray
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through

Kind = Literal[
    "human",
    "decoder",
    "re_encoded",
    "edited",
    "licensed_ai",
    "undisclosed_ai",
    "truncated",
    "too_short",
    "silent",
]
TOOL: Final = "Earmark Sample Generator"
AGREEMENT: Final = "AGR-SAMPLE-1"
VERSION: Final = 2  # of how they sound: a folder of another version is written anew
_CODECS: Final[dict[str, Literal["pcm_s16le", "flac", "libmp3lame"]]] = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
}
_FRAME: Final = 4_608  # samples of one frame handed to an encoder


@dataclass(frozen=True)
class Sample:
    """One track of the set, and what its deliverer would declare about it."""

    path: Path
    title: str
    kind: Kind
    contains_ai: Literal["All", "Partly", "None"] | None = None
    tool: str | None = None
    agreement_id: str | None = None


def write_samples(folder: Path, seed: int) -> list[Sample]:
    """Write the set into ``folder`` (made if need be) and return what is in it.

    Equal seeds give equal samples, and equal bytes with the same FFmpeg. A simulated decoder has
    painted the upper bands of the AI kinds; ``decoder`` is the first ``human`` piece. A folder that
    holds them already is left as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = _samples(folder)
    marker, expected = folder / ".made", f"version {VERSION}, seed {seed}\n"
    if (
        marker.exists()
        and marker.read_text() == expected
        and all(one.path.exists() for one in samples)
    ):
        return samples
    marker.unlink(missing_ok=True)
    harbour = render(_derived(seed, 1), 34)
    boats = render(_derived(seed, 2), 38)
    glass = decode_through(render(_derived(seed, 3), 32), RATE_HZ, (8, 8, 8), _derived(seed, 13))
    north = decode_through(render(_derived(seed, 4), 30), RATE_HZ, (7, 7, 6, 3), _derived(seed, 14))
    painted = decode_through(harbour, RATE_HZ, (8, 8, 4, 4), _derived(seed, 11))
    quiet = np.zeros((2, 20 * RATE_HZ), np.float32)
    audio = (
        harbour, boats, painted, harbour, _edit(harbour), glass, north, boats[:, :RATE_HZ],
        boats[:, 5 * RATE_HZ : 7 * RATE_HZ], quiet,
    )  # fmt: skip
    for sample, wave in zip(samples, audio, strict=True):
        write_audio(sample.path, wave, title=sample.title)
        if sample.kind == "truncated":  # the tag and a little more: no frame is whole
            sample.path.write_bytes(sample.path.read_bytes()[:160])
    marker.write_text(expected)
    return samples


def _samples(folder: Path) -> list[Sample]:
    def at(name: str) -> Path:
        return folder / name

    return [
        Sample(at("01-harbour-lights.flac"), "Harbour Lights", "human", "None"),
        Sample(at("02-paper-boats.wav"), "Paper Boats", "human"),
        Sample(at("03-harbour-lights-decoded.flac"), "Harbour Lights (Decoded)", "decoder"),
        Sample(at("04-harbour-lights-128k.mp3"), "Harbour Lights", "re_encoded", "None"),
        Sample(at("05-harbour-lights-edit.flac"), "Harbour Lights (Edit)", "edited", "None"),
        Sample(at("06-glass-rain.flac"), "Glass Rain", "licensed_ai", "All", TOOL, AGREEMENT),
        Sample(at("07-northern-line.flac"), "Northern Line", "undisclosed_ai", "None"),
        Sample(at("08-broken-upload.mp3"), "Broken Upload", "truncated"),
        Sample(at("09-two-seconds.wav"), "Two Seconds", "too_short"),
        Sample(at("10-nothing.flac"), "Nothing", "silent"),
    ]


def write_audio(
    path: Path, audio: FloatArray, *, sample_rate_hz: int = RATE_HZ, title: str = ""
) -> None:
    """Encode float32 [1 or 2, n] by the file's ending: wav, flac (16 bit), mp3 (128 kbit/s)."""
    codec = _CODECS[path.suffix]
    layout = "stereo" if len(audio) == 2 else "mono"
    planar = codec == "libmp3lame"
    integers = np.rint(audio * 32_767).clip(-32_768, 32_767).astype(np.int16)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        options = {"compression_level": "0"} if codec == "flac" else {}  # quick; size is no matter
        stream = container.add_stream(codec, rate=sample_rate_hz, layout=layout, options=options)
        stream.codec_context.thread_count = 1
        if planar:
            stream.bit_rate = 128_000
        size = stream.codec_context.frame_size or _FRAME
        for start in range(0, integers.shape[1], size):
            piece = np.ascontiguousarray(integers[:, start : start + size])
            if not planar:
                piece = np.ascontiguousarray(piece.T).reshape(1, -1)
            frame = AudioFrame.from_ndarray(piece, "s16p" if planar else "s16", layout)
            frame.sample_rate = sample_rate_hz
            frame.pts = start
            frame.time_base = Fraction(1, sample_rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _edit(audio: FloatArray) -> FloatArray:
    """Return an excerpt, 3 dB softer, with a little less bass and more treble."""
    part = audio[:, 3 * RATE_HZ : -2 * RATE_HZ]
    size = fft.next_fast_len(part.shape[1], real=True)
    frequency = fft.rfftfreq(size, 1 / RATE_HZ)
    tilt = np.interp(frequency, (0, 80, 300, 5_000, 9_000), (0.6, 0.6, 1.0, 1.0, 1.25))
    edited = fft.irfft(fft.rfft(part, size) * tilt, size)[:, : part.shape[1]]
    softer: FloatArray = (edited * 0.7).astype(np.float32)
    return softer


def _derived(seed: int, number: int) -> int:
    """Return a seed of its own for each piece; with the usual seeds none of these is uncertain."""
    return int(np.random.SeedSequence((seed, 80 + number)).generate_state(1)[0])
