"""Audio made in tests; none is stored."""

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from detector.types import FloatArray


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
