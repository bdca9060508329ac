"""Cut files: the share of what the header states, in every container that states it."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from detector.audio.decode import Decoder
from detector.errors import InvalidAudio
from tests.support.links import encoded, tones
from tests.unit.detector.audio.test_links import id3

SECONDS = 8.0
FIRST = {"movflags": "faststart"}
STATED: dict[str, tuple[str, str, dict[str, str]]] = {
    "flac": ("flac", "flac", {}),
    "wav": ("pcm_s16le", "wav", {}),
    "wav-adpcm": ("adpcm_ms", "wav", {}),
    "rf64": ("pcm_s24le", "wav", {"rf64": "always"}),
    "w64": ("pcm_s16le", "w64", {}),
    "aiff": ("pcm_s16be", "aiff", {}),
    "caf": ("pcm_s16be", "caf", {}),
    "caf-adpcm": ("adpcm_ima_qt", "caf", {}),
    "wavpack": ("wavpack", "wv", {}),
    "mp3": ("libmp3lame", "mp3", {}),
    "m4a": ("aac", "ipod", FIRST),
    "alac": ("alac", "ipod", FIRST),
    "mka": ("flac", "matroska", {}),
    "webm": ("libopus", "webm", {}),
}
UNSTATED: dict[str, tuple[str, str, dict[str, str]]] = {
    "ogg-flac": ("flac", "ogg", {}),
    "ogg-opus": ("libopus", "ogg", {}),
    "adts": ("aac", "adts", {}),
    "mp3-bare": ("libmp3lame", "mp3", {"write_xing": "0"}),
    "mka-live": ("flac", "matroska", {"live": "1"}),
}
INDEX_LAST = {"m4a": ("aac", "ipod"), "alac": ("alac", "ipod"), "caf-alac": ("alac", "caf")}


@cache
def whole(name: str) -> bytes:
    codec, container, options = (STATED | UNSTATED)[name]
    rate = 48_000 if codec == "libopus" else 44_100
    noise = np.random.default_rng(4).normal(0, 0.1, (2, int(SECONDS * rate))).astype(np.float32)
    return encoded([noise], codec, container, rate, options=options)


def decoded(content: bytes, tmp_path: Path) -> Decoder:
    (tmp_path / "a").write_bytes(content)
    decoder = Decoder(tmp_path / "a", 60)
    for _ in decoder.chunks():
        pass
    return decoder


@pytest.mark.parametrize("name", [*STATED, *UNSTATED])
def test_a_whole_file_is_all_there(name: str, tmp_path: Path) -> None:
    decoder = decoded(whole(name), tmp_path)
    assert (decoder.heard_share, decoder.decode_errors) == (1.0, 0)
    assert decoder.duration_s == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
@pytest.mark.parametrize("name", STATED)
def test_what_was_cut_off_is_missed(name: str, share: float, tmp_path: Path) -> None:
    content = whole(name)
    decoder = decoded(content[: int(share * len(content))], tmp_path)
    assert decoder.heard_share == pytest.approx(share, abs=0.08)
    assert decoder.duration_s == pytest.approx(share * SECONDS, abs=0.6)


@pytest.mark.parametrize("share", [0.9, 0.5])
@pytest.mark.parametrize("name", UNSTATED)
def test_what_states_no_length_may_be_whole(name: str, share: float, tmp_path: Path) -> None:
    content = whole(name)
    decoder = decoded(content[: int(share * len(content))], tmp_path)
    assert decoder.heard_share > 0.98  # a packet that was cut in two counts
    assert decoder.duration_s == pytest.approx(share * SECONDS, abs=1.1)


@pytest.mark.parametrize("name", INDEX_LAST)
def test_without_its_index_a_file_is_refused(name: str, tmp_path: Path) -> None:
    content = encoded([tones(4, 44_100, 2)], *INDEX_LAST[name], 44_100)
    with pytest.raises(InvalidAudio) as caught:
        decoded(content[: len(content) // 2], tmp_path)
    assert caught.value.reason == "unsupported_format"


def test_a_header_that_was_written_to_a_pipe_states_nothing(tmp_path: Path) -> None:
    content = whole("wav")
    at = content.index(b"data") + 4
    for size in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)):
        decoder = decoded(content[:at] + size + content[at + 4 :], tmp_path)
        assert decoder.heard_share == 1.0


@pytest.mark.parametrize("first", ["wav", "w64", "mp3"])
def test_each_link_has_its_own_length(first: str, tmp_path: Path) -> None:
    """The second one is cut, behind a tag that moves both."""
    second = whole("wav")
    decoder = decoded(id3(100) + whole(first) + second[: len(second) // 2], tmp_path)
    assert decoder.heard_share == pytest.approx(0.75, abs=0.01)
