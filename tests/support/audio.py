"""Audio made in tests; none is stored."""

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from detector.types import FloatArray
from models.augmentation.coders import Coder, encoded
from models.synthesis.music import RATE_HZ, render

CODERS = {
    ".mp3": Coder("libmp3lame", "mp3", 320_000),
    ".flac": Coder("flac", "flac"),
    ".m4a": Coder("aac", "ipod", 192_000),
    ".opus": Coder("libopus", "ogg", 128_000, rate_hz=48_000),
}


def write_wav(path: Path, samples: FloatArray, rate_hz: int = 44_100) -> None:
    """Write float samples [channels, n] as 16-bit PCM."""
    layout = {1: "mono", 2: "stereo"}[len(samples)]
    pcm = (samples.clip(-1, 1) * 32_767).astype(np.int16)
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=rate_hz, layout=layout)
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm.T.reshape(1, -1)), format="s16", layout=layout
        )
        frame.sample_rate = rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def write_track(path: Path, seconds: float) -> None:
    """Write a self-made piece in the format of its suffix."""
    path.write_bytes(encoded(render(1, seconds), RATE_HZ, CODERS[path.suffix]))
