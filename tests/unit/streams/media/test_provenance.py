"""Files signed by the test itself, read in the confined decode child, tampered ones included."""

import asyncio
import io
import struct
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from detector.watermarks.detectors import Watermarks
from streams.contract.records import Extent, Provenance, TrustAnchor
from streams.media import anchors as trust
from streams.media.decode_pool import DecodePool
from streams.media.provenance import (
    BLOCK,
    WATERMARK_FAILED,
    ProvenanceDecoder,
    mentions,
    read,
)
from streams.runtime.settings import Settings
from tests.support.audio import write_wav
from tests.support.signing import Signatory, wav
from tests.support.watermarking import register

SIGNATORY = Signatory.make()
STRANGER = Signatory.make("Somebody Else")
ANCHORS = trust.parsed(SIGNATORY.anchor.encode())
TRAINING = {
    "label": "cawg.training-mining",
    "data": {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}},
}


def encoded(kind: str, codec: str, **metadata: str) -> bytes:
    """A second of a tone in a container of that kind."""
    return tone(kind, codec, 1, metadata)


@cache
def plain(kind: str) -> tuple[bytes, str]:
    """A second of a tone without tags, and its media type."""
    match kind:
        case "wav":
            return wav(), "audio/wav"
        case "flac":
            return encoded("flac", "flac"), "audio/flac"
        case "mp3":
            return encoded("mp3", "libmp3lame"), "audio/mpeg"
    return encoded("mp4", "aac"), "audio/mp4"


def tone(kind: str, codec: str, seconds: int, metadata: dict[str, str]) -> bytes:
    out = io.BytesIO()
    options = {"movflags": "use_metadata_tags"} if kind == "mp4" else {}
    with av.open(out, "w", format=kind, options=options) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        assert isinstance(stream, av.AudioStream)
        time = np.arange(seconds * 44_100) / 44_100
        samples = (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
        expected = stream.codec_context.format.name if stream.codec_context.format else "s16"
        data = samples if expected.startswith("flt") else (samples * 32_767).astype(np.int16)
        width = stream.codec_context.frame_size or 4_096
        resampler = av.AudioResampler(format=expected, layout="mono", rate=44_100)
        for start in range(0, len(data), width):
            frame = av.AudioFrame.from_ndarray(
                data[None, start : start + width], "flt" if data.dtype == np.float32 else "s16",
                "mono",
            )  # fmt: skip
            frame.sample_rate, frame.pts = 44_100, start
            for item in resampler.resample(frame):
                container.mux(stream.encode(item))
        container.mux(stream.encode(None))
    return out.getvalue()


KINDS = ("wav", "flac", "mp3", "m4a")


def provenance_of(
    content: bytes, tmp_path: Path, anchors: str = SIGNATORY.anchor
) -> Provenance | None:
    file = tmp_path / "one"
    file.write_bytes(content)
    with file.open("rb") as opened:
        return read(opened.fileno(), trust.parsed(anchors.encode()) if anchors else ())


@pytest.mark.parametrize("kind", KINDS)
def test_a_trusted_signer_confirms(kind: str, tmp_path: Path) -> None:
    content, media_type = plain(kind)
    facts = provenance_of(SIGNATORY.sign(content, media_type), tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("trusted", Extent.ALL)
    assert facts.signer == "Test Generator"
    assert facts.software_agents == ("Songmaker",)
    assert facts.actions == ("c2pa.created",)
    assert facts.codes == ()
    (anchor,) = ANCHORS
    assert facts.anchor == TrustAnchor(
        name="Test Generator Authority", sha256=anchor.certificate.sha256
    )
    assert [one.subject[:17] for one in facts.chain] == ["CN=Test Generator", "CN=Test Generator"]
    assert facts.chain[1].sha256 == anchor.certificate.sha256


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_tampered_file_asserted_stays_and_is_not_intact(kind: str, tmp_path: Path) -> None:
    content, media_type = plain(kind)
    signed = bytearray(SIGNATORY.sign(content, media_type))
    signed[5_000 if kind == "wav" else -600] ^= 0xFF  # a byte of the audio
    facts = provenance_of(bytes(signed), tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("invalid", Extent.ALL)
    assert facts.signer == "Test Generator"
    assert facts.codes


@pytest.mark.parametrize("anchors", ["", STRANGER.anchor])
def test_a_stranger_signs_no_more_than_a_statement(anchors: str, tmp_path: Path) -> None:
    facts = provenance_of(SIGNATORY.sign(wav()), tmp_path, anchors)
    assert facts is not None
    assert (facts.state, facts.extent, facts.anchor) == ("untrusted", Extent.ALL, None)
    assert len(facts.chain) == 2


@pytest.mark.parametrize("ca_days", [-100, 100])
def test_an_anchor_beyond_its_dates_confirms_nothing(ca_days: int, tmp_path: Path) -> None:
    signatory = Signatory.make(ca_days=ca_days)
    facts = provenance_of(signatory.sign(wav()), tmp_path, signatory.anchor)
    assert facts is not None
    assert (facts.state, facts.anchor) == ("untrusted", None)


def test_of_many_anchors_the_one_that_confirms_is_named(tmp_path: Path) -> None:
    others = [Signatory.make(f"Other {number}").anchor for number in range(40)]
    anchors = "".join((*others[:20], SIGNATORY.anchor, *others[20:]))
    facts = provenance_of(SIGNATORY.sign(wav()), tmp_path, anchors)
    assert facts is not None
    assert facts.anchor is not None
    assert facts.anchor.name == "Test Generator Authority"


@pytest.mark.parametrize(
    ("source_type", "extent"),
    [
        ("trainedAlgorithmicMedia", Extent.ALL),
        ("compositeWithTrainedAlgorithmicMedia", Extent.PARTLY),
        ("compositeSynthetic", Extent.PARTLY),
        ("digitalCapture", Extent.NONE),
        ("algorithmicMedia", Extent.UNKNOWN),
    ],
)
def test_source_types_say_how_much(source_type: str, extent: Extent, tmp_path: Path) -> None:
    facts = provenance_of(SIGNATORY.sign(wav(), source_type=source_type), tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("trusted", extent)


def test_reservations_of_training_are_read(tmp_path: Path) -> None:
    facts = provenance_of(SIGNATORY.sign(wav(), assertions=[TRAINING]), tmp_path)
    assert facts is not None
    assert facts.training_mining == {"cawg.ai_generative_training": "notAllowed"}


def test_reservations_of_many_names_are_bounded(tmp_path: Path) -> None:
    """So many that the answer of the decode process would be refused: the file is decoded."""
    entries = {f"use {number:0>90}": {"use": "notAllowed"} for number in range(5_000)}
    many = {"label": "cawg.training-mining", "data": {"entries": entries}}
    facts = provenance_of(SIGNATORY.sign(wav(), assertions=[many]), tmp_path)
    assert facts is not None
    assert facts.state == "trusted"
    assert 0 < len(facts.training_mining) <= 50


def test_a_file_that_says_nothing(tmp_path: Path) -> None:
    assert provenance_of(wav(), tmp_path) is None
    assert provenance_of(b"no audio at all, c2pa", tmp_path) is None
    assert provenance_of(b"RIFF\x24\x00\x00\x00WAVE" + b"c2pa" * 8, tmp_path) in (
        None,
        Provenance(state="invalid", codes=("C2paError",)),
    )


def decoded_track(contents: dict[str, bytes], tmp_path: Path) -> dict[str, bytes]:
    """The provenance of files, as the confined child of a pool returns it."""

    async def decoded() -> dict[str, bytes]:
        with DecodePool(Settings(decode_workers=1), ProvenanceDecoder(ANCHORS)) as pool:
            await pool.warm()
            output = {}
            for name, content in contents.items():
                (tmp_path / name).write_bytes(content)
                output[name] = (await pool.decode(tmp_path / name)).provenance
            return output

    return asyncio.run(decoded())


def test_it_is_read_in_the_confined_child(tmp_path: Path) -> None:
    """Landlock, seccomp and limits leave the library all it needs, and no more."""
    contents = {
        "signed": SIGNATORY.sign(wav(6.0)),
        "plain": wav(6.0),
        "tampered": bytes(byte ^ (place == 9_000) for place, byte in
                          enumerate(SIGNATORY.sign(wav(6.0)))),
    }  # fmt: skip

    output = decoded_track(contents, tmp_path)
    assert output["plain"] == b""
    trusted = Provenance.model_validate_json(output["signed"])
    assert (trusted.state, trusted.extent) == ("trusted", Extent.ALL)
    assert Provenance.model_validate_json(output["tampered"]).state == "invalid"


def test_a_large_file_fits_into_the_memory_of_the_child(tmp_path: Path) -> None:
    """Six minutes of 24 bits at 96 kHz: the file alone takes most of what a decode may take."""
    size = 200 * 2**20
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 96_000, 6 * 96_000, 6, 24)
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form
    large = head + struct.pack("<4sI", b"data", size) + bytes(range(256)) * (size // 256)
    output = decoded_track({"plain": large, "signed": SIGNATORY.sign(large)}, tmp_path)
    assert output["plain"] == b""
    assert Provenance.model_validate_json(output["signed"]).state == "trusted"


def test_the_mark_of_a_manifest_is_found_across_blocks(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"-" * (BLOCK - 2) + b"c2pa")
    with (tmp_path / "one").open("rb") as file:
        assert mentions(file, b"c2pa")
        assert not mentions(file, b"c2pb")


def test_watermarks_are_found_in_the_confined_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path, monkeypatch)
    time = np.arange(30 * 8_000) / 8_000
    file = tmp_path / "tone.wav"
    write_wav(file, np.sin(2 * np.pi * 1_000 * time)[None], 8_000)

    async def provenance(*names: str) -> bytes:
        decoder = ProvenanceDecoder(watermarks=Watermarks.load(names))
        with DecodePool(Settings(decode_workers=1), decoder) as pool:
            return (await pool.decode(file)).provenance

    facts = Provenance.model_validate_json(asyncio.run(provenance("unsure", "broken", "perth")))
    (left,) = facts.marks
    assert (left.kind, left.generator, left.declares) == ("watermark", "Tonemaker", False)
    assert left.place == "unsure, in 3 excerpts"
    assert left.confidence is not None
    assert left.confidence > 0.99
    assert facts.codes == (f"{WATERMARK_FAILED} broken: ValueError: 160000 samples",)


def test_what_was_analysed_without_a_detector_is_analysed_again() -> None:
    kinds: list[tuple[str, ...]] = [(), ("perth",)]
    trusts = {ProvenanceDecoder(watermarks=Watermarks.load(names)).trust for names in kinds}
    assert len(trusts) == 2
