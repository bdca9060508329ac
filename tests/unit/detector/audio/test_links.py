"""Links, streams and tags: all that a file delivers is decoded, whatever carries it."""

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from detector.audio.decode import Decoder
from detector.errors import InvalidAudio
from detector.types import FloatArray
from tests.support.links import encoded, tones

CARRIERS = {  # codec, container, two rates, the channels that the encoder takes
    "flac": ("flac", "flac", (44_100, 22_050), (1, 2, 3, 4, 6, 8)),
    "ogg-flac": ("flac", "ogg", (44_100, 22_050), (1, 2, 3, 4, 6, 8)),
    "ogg-vorbis": ("vorbis", "ogg", (44_100, 22_050), (2,)),
    "ogg-opus": ("libopus", "ogg", (48_000, 48_000), (1, 2, 4, 6, 8)),
    "adts": ("aac", "adts", (44_100, 22_050), (1, 2, 3, 6, 8)),
    "mp3": ("libmp3lame", "mp3", (44_100, 22_050), (1, 2)),
    "wav": ("pcm_s16le", "wav", (44_100, 22_050), (1, 2, 3, 4, 6, 8)),
    "w64": ("pcm_s24le", "w64", (44_100, 22_050), (1, 2, 3, 4, 6, 8)),
    "aiff": ("pcm_s16be", "aiff", (44_100, 22_050), (1, 2, 6, 8)),
    "caf": ("pcm_s16be", "caf", (44_100, 22_050), (1, 2, 6, 8)),
    "wavpack": ("wavpack", "wv", (44_100, 22_050), (1, 2, 6)),
    "m4a-aac": ("aac", "ipod", (44_100, 22_050), (1, 2, 6, 8)),
    "m4a-alac": ("alac", "ipod", (44_100, 22_050), (1, 2, 6)),
    "mka-flac": ("flac", "matroska", (44_100, 22_050), (1, 2, 6, 8)),
}
LENGTHS = (2.0, 1.0, 0.5)


@cache
def link(name: str, rate_hz: int, channels: int, seconds: float) -> bytes:
    """Return tones in a carrier's container."""
    codec, container, *_ = CARRIERS[name]
    return encoded([tones(seconds, rate_hz, channels)], codec, container, rate_hz)


def chains() -> list[tuple[str, tuple[tuple[int, int], ...]]]:
    """Return every carrier with pairs of other rate and other layout, and three in a row."""
    rows: list[tuple[str, tuple[tuple[int, int], ...]]] = []
    for name, (_, _, (first, second), layouts) in CARRIERS.items():
        usual = 2 if 2 in layouts else layouts[0]
        kinds = {(first, usual): None, (second, usual): None}
        kinds |= {(first, channels): None for channels in layouts}
        rows += [(name, ((first, usual), kind)) for kind in kinds]
        rows += [(name, (kind, (first, usual))) for kind in kinds if kind != (first, usual)]
        rows.append((name, ((second, usual), (first, usual), (second, layouts[0]))))
    return rows


@pytest.mark.parametrize(("name", "chain"), chains())
def test_every_link_is_heard(tmp_path: Path, name: str, chain: tuple[tuple[int, int], ...]) -> None:
    parts = [
        link(name, rate, channels, seconds)
        for (rate, channels), seconds in zip(chain, LENGTHS, strict=False)
    ]
    (tmp_path / "a").write_bytes(b"".join(parts))
    decoder = Decoder(tmp_path / "a", 60)
    counts = [chunk.shape for chunk in decoder.chunks()]
    assert decoder.sample_rate_hz == chain[0][0]
    assert decoder.duration_s == pytest.approx(sum(LENGTHS[: len(chain)]), abs=0.2)
    assert decoder.heard_share > 0.97
    assert sum(count for _, count in counts) == decoder.samples
    assert {channels for channels, _ in counts} == {channels for _, channels in chain}


# More ways to write a container, for pairs of them: what stands where in the file differs.
WRITTEN: dict[str, tuple[str, str, int, dict[str, str]]] = {
    **{name: (codec, kind, rates[0], {}) for name, (codec, kind, rates, _) in CARRIERS.items()},
    "m4a-index-first": ("aac", "ipod", 44_100, {"movflags": "faststart"}),
    "mp4-flac": ("flac", "mp4", 44_100, {}),
    "mka-live": ("flac", "matroska", 44_100, {"live": "1"}),
    "mp3-bare": ("libmp3lame", "mp3", 22_050, {"write_xing": "0", "id3v2_version": "0"}),
    "mp2": ("mp2", "mp2", 44_100, {}),
    "rf64": ("pcm_s16le", "wav", 44_100, {"rf64": "always"}),
}


@cache
def part(name: str, seconds: float) -> bytes:
    """Return noise in a container: tones compress to next to nothing."""
    codec, container, rate, options = WRITTEN[name]
    noise = np.random.default_rng(3).normal(0, 0.1, (2, int(seconds * rate))).astype(np.float32)
    return encoded([noise], codec, container, rate, options=options)


STEPS = (0, 1, 3, 7, 12)  # from a container to those that follow it


def followers(first: str) -> list[str]:
    names = list(WRITTEN)
    return [names[(names.index(first) + step) % len(names)] for step in STEPS]


def test_every_container_comes_first_and_second() -> None:
    for name in WRITTEN:
        assert name in followers(name)
        assert len({first for first in WRITTEN if name in followers(first)}) == len(STEPS)


@pytest.mark.parametrize("first", WRITTEN)
def test_a_link_of_any_other_container_is_heard(tmp_path: Path, first: str) -> None:
    """A quarter of all pairs, in turn: what is not decoded, or counts as missed, is named.

    All 400 pairs were decoded when links were built; wider ``STEPS`` decode them again.
    """
    wrong = {}
    for second in followers(first):
        (tmp_path / "a").write_bytes(part(first, 1.0) + part(second, 2.0))
        decoder = Decoder(tmp_path / "a", 60)
        for _ in decoder.chunks():
            pass
        if not (2.8 < decoder.duration_s < 3.3 and decoder.heard_share > 0.95):
            wrong[second] = decoder.duration_s, decoder.heard_share
    assert wrong == {}


@pytest.mark.parametrize("name", ["flac", "mp3", "adts", "ogg-vorbis", "m4a-aac", "mka-flac"])
def test_tags_between_links_hide_none(tmp_path: Path, name: str) -> None:
    tags = b"TAG" + bytes(125) + id3(2_000)
    (tmp_path / "a").write_bytes(
        part("flac", 1.0) + tags + part(name, 2.0) + tags + part("mp3", 1.0)
    )
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.duration_s == pytest.approx(4, abs=0.3)


def frequency(samples: FloatArray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate_hz / len(samples))


@pytest.mark.parametrize("rates", [*itertools.permutations((16_000, 32_000, 44_100, 96_000), 2)])
def test_a_later_link_sounds_as_it_did(tmp_path: Path, rates: tuple[int, int]) -> None:
    (tmp_path / "a").write_bytes(b"".join(link("wav", rate, 2, 2.0) for rate in rates))
    decoder = Decoder(tmp_path / "a", 60)
    decoded = np.concatenate(list(decoder.chunks()), axis=1)
    second = decoded[:, 5 * rates[0] // 2 : 7 * rates[0] // 2]
    assert [frequency(one, rates[0]) for one in second] == pytest.approx([440, 550], abs=2)
    assert decoder.seconds_by_rate == pytest.approx({rates[0]: 2, rates[1]: 2}, abs=0.01)


def test_all_links_can_be_heard_at_another_rate(tmp_path: Path) -> None:
    parts = [encoded([tones(2, rate, 2)], "pcm_s16le", "wav", rate) for rate in (8_000, 44_100)]
    (tmp_path / "a").write_bytes(b"".join(parts))
    decoder = Decoder(tmp_path / "a", 60, rate_hz=44_100)
    decoded = np.concatenate(list(decoder.chunks()), axis=1)
    assert decoded.shape[1] == pytest.approx(4 * 44_100, abs=100)


def test_links_together_may_not_be_too_long(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encoded([tones(2, 44_100, 2)], "pcm_s16le", "wav", 44_100) * 4)
    with pytest.raises(InvalidAudio) as caught:
        for _ in Decoder(tmp_path / "a", 7).chunks():
            pass
    assert caught.value.reason == "too_long"


def test_a_link_that_is_refused_counts_as_missed(tmp_path: Path) -> None:
    taken = encoded([tones(2, 44_100, 2)], "pcm_s16le", "wav", 44_100)
    refused = encoded([tones(6, 44_100, 2)], "adpcm_yamaha", "wav", 44_100)
    (tmp_path / "a").write_bytes(taken + refused)
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.duration_s == 2
    assert decoder.heard_share == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("name", ["flac", "m4a-alac", "mka-flac", "wavpack"])
def test_what_cannot_be_decoded_counts_as_missed(tmp_path: Path, name: str) -> None:
    codec, container, *_ = CARRIERS[name]
    noise = np.random.default_rng(5).normal(0, 0.1, (2, 4 * 44_100)).astype(np.float32)
    data = encoded([noise], codec, container, 44_100)
    (tmp_path / "a").write_bytes(data)
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.heard_share == pytest.approx(1, abs=0.01)
    middle = len(data) // 2 if name != "m4a-alac" else len(data) // 4
    damage = bytes(len(data) // 4)
    (tmp_path / "a").write_bytes(data[:middle] + damage + data[middle + len(data) // 4 :])
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.heard_share < 0.9


def test_hundreds_of_links_are_heard_up_to_a_number(tmp_path: Path) -> None:
    link = encoded([tones(0.1, 8_000, 1)], "pcm_s16le", "wav", 8_000)
    (tmp_path / "a").write_bytes(link * 512)
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.duration_s == pytest.approx(25.6)
    assert decoder.heard_share == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("default", [0, 1, 2])
@pytest.mark.parametrize(
    ("codec", "container"),
    [
        *(("aac", "ipod"), ("alac", "ipod"), ("aac", "mp4"), ("pcm_s16le", "mov")),
        *(("flac", "matroska"), ("aac", "matroska"), ("libopus", "webm")),
    ],
)
def test_the_default_stream_is_heard(
    tmp_path: Path, codec: str, container: str, default: int
) -> None:
    tracks = [tones(1, 48_000, 2) * 0, tones(1, 48_000, 1), tones(1, 48_000, 6)]
    (tmp_path / "a").write_bytes(encoded(tracks, codec, container, 48_000, default))
    decoder = Decoder(tmp_path / "a", 60)
    counts = {len(chunk) for chunk in decoder.chunks()}
    assert counts == {len(tracks[default])}
    assert decoder.streams == 3


def id3(size: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes((0, 0, size >> 7, size & 0x7F)) + bytes(size)


@pytest.mark.parametrize("tags", [id3(0), id3(2_000), id3(300) + id3(40)])
@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_tags_in_front_are_passed_over(tmp_path: Path, name: str, tags: bytes) -> None:
    (tmp_path / "a").write_bytes(tags + link(name, CARRIERS[name][2][0], 2, 2.0))
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    assert decoder.duration_s == pytest.approx(2, abs=0.1)
