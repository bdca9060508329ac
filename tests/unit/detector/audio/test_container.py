"""Only what is on the lists is opened, from the byte on that is named."""

import os
from pathlib import Path

import pytest

from detector.audio.container import DECODERS, DEMUXERS, RefusedCodec, name_of, opened
from detector.errors import InvalidAudio
from tests.support.links import encoded, tones

WAV = encoded([tones(1, 8_000, 2)], "pcm_s16le", "wav", 8_000)


def test_a_container_is_opened_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes" + WAV)
    with (tmp_path / "a").open("rb") as file, opened(file.fileno(), 10) as (container, stream):
        assert name_of(container) == "wav"
        assert stream.codec_context.name in DECODERS
        assert sum(packet.size for packet in container.demux(stream)) == 4 * 8_000


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    refused = encoded([tones(6, 44_100, 2)], "adpcm_yamaha", "wav", 44_100)
    (tmp_path / "a").write_bytes(refused)
    with (tmp_path / "a").open("rb") as file:
        with pytest.raises(RefusedCodec) as caught, opened(file.fileno(), 0):
            pass
        assert caught.value.duration_s == pytest.approx(6, abs=0.1)
        os.truncate(tmp_path / "a", 20)
        with pytest.raises(InvalidAudio, match="no demuxer"), opened(file.fileno(), 0):
            pass


def test_the_name_is_the_one_of_the_list(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encoded([tones(1, 44_100, 2)], "aac", "ipod", 44_100))
    with (tmp_path / "a").open("rb") as file, opened(file.fileno(), 0) as (container, _):
        assert container.format.name != name_of(container) == "mov"
        assert name_of(container) in DEMUXERS
