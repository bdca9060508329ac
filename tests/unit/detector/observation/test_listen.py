"""A mix of hours needs the memory of a track, with the same results as if it were read at once."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from detector.audio.decode import Decoder
from detector.audio.samples import to_mono
from detector.matching.landmarks import Landmarker, Landmarks, sides_of
from detector.observation import listen as listening
from detector.observation.listen import listen
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.synthesis.music import RATE_HZ, render
from tests.support.audio import write_track, write_wav
from tests.support.links import encoded, tones

HEAR = """
import json, re, sys
from pathlib import Path
from detector.audio.heap import keep_freed_memory
from detector.observation import listen as listening
from detector.observation.listen import listen
def now(name):
    kb = re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(kb[1]) / 1024
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
    write_track(tmp_path / "track.mp3", 20.0)
    short, usual_mb = heard_alone(repeated(tmp_path / "track.mp3", 1, tmp_path / "short.mp3"))
    long, most_mb = heard_alone(repeated(tmp_path / "track.mp3", 20, tmp_path / "long.mp3"))
    assert long > 19 * short > 360
    assert most_mb < usual_mb + MORE_MB
    assert most_mb < MOST_MB


def test_a_stream_is_heard_as_if_it_were_read_at_once(tmp_path: Path) -> None:
    write_track(tmp_path / "track.mp3", 20.0)
    mix = repeated(tmp_path / "track.mp3", 4, tmp_path / "mix.mp3")
    decoder = Decoder(mix, 1e6)
    whole = np.concatenate([to_mono(chunk) for chunk in decoder.chunks()])
    observer = Observer(decoder.sample_rate_hz)
    observer.feed(whole)
    landmarker = Landmarker(decoder.sample_rate_hz)
    landmarker.feed(whole)
    decoded = listen(mix, max_duration_s=1e6)
    assert decoded.observation == observer.finish().to_bytes()
    assert decoded.landmarks == landmarker.finish().to_bytes()


@cache
def piece(seed: int) -> FloatArray:
    return render(seed, 8.0)


CARRIERS = (("pcm_s16le", "wav"), ("flac", "flac"), ("libmp3lame", "mp3"), ("aac", "ipod"))


@pytest.mark.parametrize("channels", [2, 6])
@pytest.mark.parametrize(("codec", "container"), CARRIERS)
def test_channels_that_cancel_are_heard_as_one(
    tmp_path: Path, codec: str, container: str, channels: int
) -> None:
    if codec == "libmp3lame" and channels > 2:
        pytest.skip("MP3 has two channels")
    sound = piece(1).mean(axis=0)
    opposite = np.stack([sound if n % 2 else -sound for n in range(channels)])
    (tmp_path / "plain").write_bytes(encoded([sound[None]], codec, container, RATE_HZ))
    (tmp_path / "opposite").write_bytes(encoded([opposite], codec, container, RATE_HZ))
    plain = listen(tmp_path / "plain", max_duration_s=60)
    decoded = listen(tmp_path / "opposite", max_duration_s=60)
    assert decoded.audio.channels_cancel > 0.9
    assert decoded.audio.silent_share == pytest.approx(plain.audio.silent_share, abs=0.05)
    assert decoded.fingerprint is not None
    marks = [
        {*zip(marks.ticks.tolist(), marks.steps.tolist(), strict=True)}
        for one in (plain, decoded)
        for marks in (Landmarks.from_bytes(one.landmarks),)
    ]
    assert len(marks[0] & marks[1]) > (0.9 if codec in ("flac", "pcm_s16le") else 0.3) * len(
        marks[0]
    )


def test_a_first_link_of_a_low_rate_does_not_hide_the_high_bands(tmp_path: Path) -> None:
    parts = [
        encoded([tones(seconds, rate, 2)], "pcm_s16le", "wav", rate)
        for seconds, rate in ((1, 8_000), (5, 44_100))
    ]
    (tmp_path / "a").write_bytes(b"".join(parts))
    decoded = listen(tmp_path / "a", max_duration_s=60)
    assert decoded.audio.sample_rate_hz == 44_100
    assert decoded.audio.duration_s == pytest.approx(6, abs=0.01)
    assert decoded.audio.heard_share == 1


@pytest.mark.parametrize(
    ("shared", "sides"),
    [(0.0, ["left", "right", "difference"]), (0.01, ["left", "right", "difference"]), (0.6, [])],
)
def test_sides_are_observed_where_the_channels_differ(
    shared: float, sides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (piece(seed).mean(axis=0) for seed in (1, 2))
    left = first + np.float32(shared) * second
    right = second + np.float32(shared) * first
    write_wav(
        tmp_path / "two.wav", np.stack((left, right)).astype(np.float32) * np.float32(0.5), RATE_HZ
    )
    decoders: list[Decoder] = []

    def opened(*arguments: Any) -> Decoder:
        decoders.append(Decoder(*arguments))
        return decoders[-1]

    monkeypatch.setattr(listening, "Decoder", opened)
    observed = Observation.from_bytes(listen(tmp_path / "two.wav", max_duration_s=60).observation)
    assert list(observed.sides) == sides
    assert len(decoders) == (2 if sides else 1)  # ordinary stereo is decoded once
    for name, samples in zip(sides, (left, right, (left - right) / 2), strict=False):
        alone = Observer(RATE_HZ)
        alone.feed((0.5 * samples).astype(np.float32))
        expected = alone.finish()
        side = observed.sides[name]
        assert side.duration_s == observed.duration_s
        assert np.abs(side.ltas - expected.ltas).mean() < 0.5


def test_of_six_channels_those_unlike_the_others_are_observed(tmp_path: Path) -> None:
    front, rear = (0.4 * render(seed, 8.0).mean(axis=0) for seed in (1, 2))
    silent = np.zeros_like(front)
    six = np.stack((front, front, silent, silent, 0.5 * rear, -0.6 * rear)).astype(np.float32)
    (tmp_path / "six").write_bytes(encoded([six], "pcm_s16le", "wav", RATE_HZ))
    decoded = listen(tmp_path / "six", max_duration_s=60)
    observed = Observation.from_bytes(decoded.observation)
    assert list(observed.sides) == list(sides_of(decoded.landmarks)) == ["channel 1", "channel 6"]
    assert decoded.audio.channels_differ > 0.95
    alone = Observer(RATE_HZ)
    alone.feed(six[5])
    expected = alone.finish()
    assert np.abs(observed.sides["channel 6"].ltas - expected.ltas).mean() < 0.5
    (tmp_path / "same").write_bytes(
        encoded([np.repeat(front[None], 6, axis=0)], "pcm_s16le", "wav", RATE_HZ)
    )
    alike = listen(tmp_path / "same", max_duration_s=60)
    assert Observation.from_bytes(alike.observation).sides == {}
