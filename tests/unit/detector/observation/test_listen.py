"""A mix of hours needs the memory of a track, with the same results as if it were read at once."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from detector.audio.decode import Decoder, to_mono
from detector.matching.landmarks import Landmarker
from detector.observation.listen import listen
from detector.observation.observation import Observer
from tests.support.audio import write_track

HEAR = """
import json, re, sys
from pathlib import Path
import torch
from detector.audio.heap import keep_freed_memory
from detector.observation.listen import listen
def now(name):
    kb = re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(kb[1]) / 1024
torch.set_num_threads(1)
keep_freed_memory()
own, all_of_it = now("RssAnon"), now("VmRSS")
heard = listen(Path(sys.argv[1]), max_duration_s=1e6)
print(json.dumps([heard.audio.duration_s, own + now("VmHWM") - all_of_it]))
"""
MORE_MB = 40  # than a track needs; the timeline and what is kept for reuse
MOST_MB = 400  # of its own, beside the libraries' files that all processes share


def repeated(track: Path, times: int, path: Path) -> Path:
    """Write the packets of an MP3 so many times, one after the other."""
    with av.open(str(track)) as source:
        packets = [bytes(packet) for packet in source.demux(audio=0) if packet.size]
    path.write_bytes(b"".join(packets) * times)
    return path


def heard_alone(path: Path) -> tuple[float, float]:
    """Return (seconds, MB of its own at most) of decoding a file in a fresh process."""
    command = [sys.executable, "-c", HEAR, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, most_mb = json.loads(answer)
    return seconds, most_mb


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_does_not_grow_with_the_mix(tmp_path: Path) -> None:
    write_track(tmp_path / "track.mp3", 30.0)
    short, usual_mb = heard_alone(repeated(tmp_path / "track.mp3", 2, tmp_path / "short.mp3"))
    long, most_mb = heard_alone(repeated(tmp_path / "track.mp3", 40, tmp_path / "long.mp3"))
    assert long > 19 * short > 1_000
    assert most_mb < usual_mb + MORE_MB
    assert most_mb < MOST_MB


def test_a_stream_is_heard_as_if_it_were_read_at_once(tmp_path: Path) -> None:
    write_track(tmp_path / "track.mp3", 20.0)
    mix = repeated(tmp_path / "track.mp3", 9, tmp_path / "mix.mp3")
    decoder = Decoder(mix, 1e6)
    whole = np.concatenate([to_mono(chunk) for chunk in decoder.chunks()])
    observer = Observer(decoder.sample_rate_hz)
    observer.feed(whole)
    landmarker = Landmarker(decoder.sample_rate_hz)
    landmarker.feed(whole)
    heard = listen(mix, max_duration_s=1e6)
    assert heard.observation == observer.finish().to_bytes()
    assert heard.landmarks == landmarker.finish().to_bytes()
