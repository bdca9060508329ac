import wave
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import AudioStream
from av.audio.frame import AudioFrame

from detector.audio.decode import Decoder
from detector.errors import InvalidAudio
from detector.matching.landmarks import Landmarks
from detector.observation.listen import listen
from detector.types import FloatArray
from tests.support import hostile_bytes
from tests.support.audio import write_wav

RATE = 44_100


def tones(seconds: float, rate: int = RATE) -> FloatArray:
    time = np.arange(int(seconds * rate)) / rate
    left, right = np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 660 * time)
    return (0.5 * np.stack((left, right))).astype(np.float32)


def encode(path: Path, samples: FloatArray, codec: str, rate: int = RATE) -> None:
    """Encode stereo or mono floats with any of FFmpeg's encoders."""
    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(str(path), "w") as container:
        # FFmpeg calls its own Vorbis encoder experimental
        options = {"strict": "experimental"}
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options)
        assert isinstance(stream, AudioStream)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        size = stream.codec_context.frame_size or 4_096
        fifo = av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            fifo.write(part)
        for piece in fifo.read_many(size, partial=True):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def decode(path: Path, max_duration_s: float = 60) -> tuple[Decoder, FloatArray]:
    decoder = Decoder(path, max_duration_s)
    chunks = list(decoder.chunks())
    return decoder, np.concatenate(chunks, axis=1)


@pytest.mark.parametrize(
    ("name", "codec", "precision"),
    [
        ("a.wav", "pcm_s16le", 1e-4),
        ("a.wav", "pcm_s24le", 1e-6),
        ("a.wav", "pcm_s32le", 1e-6),
        ("a.wav", "pcm_u8", 0.01),
        ("a.wav", "pcm_f32le", 0.0),
        ("a.wav", "pcm_f64le", 0.0),
        ("a.aiff", "pcm_s16be", 1e-4),
        ("a.flac", "flac", 1e-4),
        ("a.caf", "pcm_s16be", 1e-4),
        ("a.w64", "pcm_s16le", 1e-4),
        ("a.wv", "wavpack", 0.01),
    ],
)
def test_lossless_formats_give_the_samples_back(
    tmp_path: Path, name: str, codec: str, precision: float
) -> None:
    samples = tones(2)
    encode(tmp_path / name, samples, codec)
    decoder, decoded = decode(tmp_path / name)
    assert (decoder.sample_rate_hz, decoder.channels) == (RATE, 2)
    assert decoded.dtype == np.float32
    assert decoded.shape == samples.shape
    assert np.abs(decoded - samples).max() <= precision


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mp3", "libmp3lame", RATE),
        ("a.m4a", "aac", RATE),
        ("a.aac", "aac", RATE),
        ("a.opus", "libopus", 48_000),
        ("a.ogg", "vorbis", RATE),
        ("a.mka", "libopus", 48_000),
    ],
)
def test_lossy_formats_are_close(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    samples = tones(2.3, rate)
    encode(tmp_path / name, samples, codec, rate)
    decoder, decoded = decode(tmp_path / name)
    assert (decoder.sample_rate_hz, decoder.channels) == (rate, 2)
    assert abs(decoded.shape[1] - samples.shape[1]) < 5_000
    spectrum = np.abs(np.fft.rfft(decoded[:, rate // 2 : rate // 2 + rate]))
    assert spectrum.argmax(axis=1).tolist() == pytest.approx([440, 660], abs=1)


def test_not_a_number_becomes_silence(tmp_path: Path) -> None:
    samples = tones(0.5)
    samples[0, 100], samples[1, 200], samples[0, 300] = np.nan, np.inf, 1e30
    encode(tmp_path / "a.wav", samples, "pcm_f32le")
    _, decoded = decode(tmp_path / "a.wav")
    assert np.isfinite(decoded).all()
    assert decoded[0, 100] == 0
    assert decoded[1, 200] == 0
    assert decoded[0, 300] == 8.0


def refused(path: Path, **limits: float) -> str:
    with pytest.raises(InvalidAudio) as caught:
        decode(path, **limits)
    return caught.value.reason


def test_what_is_no_audio_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("All work and no play makes Jack a dull boy.\n" * 100)
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(1).bytes(20_000))
    with wave.open(str(tmp_path / "nothing.wav"), "wb") as empty:
        empty.setparams((2, 2, RATE, 0, "NONE", "NONE"))
    assert refused(tmp_path / "empty.mp3") == "empty_file"
    assert refused(tmp_path / "text.mp3") == "unsupported_format"
    assert refused(tmp_path / "noise.wav") == "unsupported_format"
    assert refused(tmp_path / "nothing.wav") == "undecodable"


def test_playlists_reach_no_other_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "secret.wav", tones(1))
    (tmp_path / "list.wav").write_text("ffconcat version 1.0\nfile secret.wav\n")
    (tmp_path / "list.mp3").write_text("#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n")
    assert refused(tmp_path / "list.wav") == "unsupported_format"
    assert refused(tmp_path / "list.mp3") == "unsupported_format"


def test_longer_than_allowed_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tones(3))
    assert refused(tmp_path / "a.wav", max_duration_s=2.5) == "too_long"


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.wav"])
def test_a_truncated_file_is_heard_up_to_the_cut(tmp_path: Path, name: str) -> None:
    codec = {"a.mp3": "libmp3lame", "a.flac": "flac", "a.wav": "pcm_s16le"}[name]
    noise = np.random.default_rng(2).normal(0, 0.1, (2, 4 * RATE)).astype(np.float32)
    encode(tmp_path / name, noise, codec)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    decoder, _ = decode(tmp_path / name)
    assert 1.5 < decoder.duration_s < 2.6


def test_damage_inside_costs_packets_not_the_file(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp3", tones(6), "libmp3lame")
    data = bytearray((tmp_path / "a.mp3").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1_500] = np.random.default_rng(3).bytes(1_500)
    (tmp_path / "a.mp3").write_bytes(bytes(data))
    decoder, _ = decode(tmp_path / "a.mp3")
    assert decoder.duration_s > 5


def joined(path: Path, parts: Iterable[tuple[FloatArray, int]]) -> None:
    data = b""
    for samples, rate in parts:
        encode(path, samples, "libmp3lame", rate)
        data += path.read_bytes()
    path.write_bytes(data)


def test_another_channel_count_midway_is_heard_on(tmp_path: Path) -> None:
    joined(tmp_path / "a.mp3", [(tones(2), RATE), (tones(2)[:1], RATE)])
    decoder = Decoder(tmp_path / "a.mp3", 60)
    counts = {len(chunk) for chunk in decoder.chunks()}
    assert counts == {1, 2}
    assert decoder.duration_s == pytest.approx(4, abs=0.2)
    decoded_track = listen(tmp_path / "a.mp3", max_duration_s=60)
    assert decoded_track.audio.channels == 2


def test_another_sample_rate_midway_is_heard_at_the_first_rate(tmp_path: Path) -> None:
    joined(tmp_path / "a.mp3", [(tones(2), RATE), (tones(2, 22_050), 22_050)])
    decoder, _ = decode(tmp_path / "a.mp3")
    assert decoder.sample_rate_hz == RATE
    assert decoder.duration_s == pytest.approx(4, abs=0.2)
    assert decoder.heard_share > 0.98


def test_the_same_samples_have_the_same_hash_whatever_carries_them(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (2, 3 * RATE)).astype(np.float32)
    hashes = {}
    for suffix in ("wav", "flac", "mp3"):
        codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame"}[suffix]
        encode(tmp_path / f"a.{suffix}", samples, codec, RATE)
        decoded_track = listen(tmp_path / f"a.{suffix}", max_duration_s=60)
        hashes[suffix] = decoded_track.pcm_sha256
        assert len(Landmarks.from_bytes(decoded_track.landmarks)) > 0
    assert hashes["wav"] == hashes["flac"] != hashes["mp3"]


def test_ten_hours_are_believed_when_proved(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(hostile_bytes.silent_flac(10))
    assert path.stat().st_size <= 2**20
    decoder = Decoder(path, 14_400)
    with pytest.raises(InvalidAudio) as caught:
        next(decoder.chunks())
    assert caught.value.reason == "too_long"
    assert decoder.samples == 0, "nothing had to be decoded"


@pytest.mark.parametrize("claimed", [0, 44_100])
def test_ten_hours_that_the_header_hides_are_decoded_up_to_the_limit(
    tmp_path: Path, claimed: int
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(hostile_bytes.silent_flac(10, claimed))
    decoder = Decoder(path, 600)
    with pytest.raises(InvalidAudio) as caught:
        for _ in decoder.chunks():
            pass
    assert caught.value.reason == "too_long"
    assert 600 < decoder.duration_s < 603


def test_a_lie_about_ten_hours_does_not_cost_the_minute_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(hostile_bytes.silent_flac(1 / 60, 10 * 3_600 * 44_100))
    decoder = Decoder(path, 14_400)
    samples = sum(chunk.shape[1] for chunk in decoder.chunks())
    assert samples == pytest.approx(60 * 44_100, abs=65_535)
