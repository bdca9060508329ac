"""Marks of generators, by container; ordinary words, which are none; hostile tags."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from streams.contract.records import Aigc, Extent, Mark, Provenance
from streams.media.marks import aigc_of, marks_of, marks_of_aigc
from tests.support.signing import wav
from tests.support.tagging import ape, freeform, id3, id3v1, info, with_chunk
from tests.unit.streams.media.test_provenance import (
    KINDS,
    SIGNATORY,
    decoded_track,
    encoded,
    plain,
    provenance_of,
    tone,
)

SONG: Final = "d38b85ef-4ccd-4d48-a3a3-506e74d8a02a"
MADE: Final = f"made with suno; created=2026-03-10T18:26:51.780Z; id={SONG}"
STUDIO: Final = "made with suno studio; created=2026-07-24T10:12:13Z"
ADDRESS: Final = f"https://suno.com/song/{SONG}"
FLAT: Final = '{"Label":"1","ContentProducer":"Mureka","ProduceID":"p-1"}'
QUOTED: Final = f"'{FLAT}'"
NESTED: Final = (
    '{"aigc": {"Label": "1", "ContentProducer": "HUABABSpeech7E01", "ProduceID": "p-1"}}'
)
ACE: Final = {"3": {"class_type": "TextEncodeAceStepAudio1.5", "inputs": {"tags": "calm"}}}
YUE: Final = {"nodes": [{"id": 1, "type": "YUE_Stage_A_Sampler"}, {"id": 2, "type": "SaveAudio"}]}
STABLE: Final = {"7": {"class_type": "ConditioningStableAudio", "inputs": {}}, "extra": 3}

# A tag as FFmpeg's keys name it, and the mark that it leaves.
MARKS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "suno": ("comment", MADE, {"generator": "Suno", "song_id": SONG}),
    "suno studio": ("comment", STUDIO, {"generator": "Suno", "version": "studio"}),
    "suno address": ("WOAS", ADDRESS, {"generator": "Suno", "song_id": SONG}),
    "udio": ("artist", "Udio v1", {"generator": "Udio", "version": "v1", "strength": "weak"}),
    "aigc nested": ("aigc", NESTED, {"generator": "MiniMax", "kind": "aigc", "song_id": "p-1"}),
    "aigc quoted": ("AIGC", QUOTED, {"generator": "Mureka", "kind": "aigc", "song_id": "p-1"}),
    "ace-step": (
        *("prompt", json.dumps(ACE)),
        {"generator": "ACE-Step", "kind": "graph", "version": "1.5"},
    ),
    "yue": ("workflow", json.dumps(YUE), {"generator": "YuE", "kind": "graph"}),
    "stable audio": ("prompt", json.dumps(STABLE), {"generator": "Stable Audio"}),
}


@cache
def mp3() -> bytes:
    return encoded("mp3", "libmp3lame")


@cache
def aiff() -> bytes:
    return encoded("aiff", "pcm_s16be")


@cache
def aac() -> bytes:
    return encoded("adts", "aac")


@cache
def mp4() -> bytes:
    return encoded("mp4", "aac")


def text(content: str, encoding: int = 3) -> bytes:
    return bytes([encoding]) + content.encode(("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding])


def frame(key: str, content: str, encoding: int = 3) -> tuple[str, bytes]:
    """The frame of ID3v2.3 or 2.4 that carries a tag."""
    zero = "\0"
    match key:
        case "comment":
            return "COMM", text("", encoding)[:1] + b"eng" + (
                text(f"{zero}{content}", encoding)[1:]
                if encoding != 1
                else text(zero, 1)[1:] + text(content, 1)[1:]
            )
        case "artist":
            return "TPE1", text(content, encoding)
        case "WOAS":
            return "WOAS", content.encode("latin-1")
    if encoding == 1:
        return "TXXX", text(f"{key}{zero}", 1) + text(content, 1)[1:]
    return "TXXX", text(f"{key}{zero}{content}", encoding)


def in_flac_after_id3(key: str, content: str) -> bytes:
    return id3(frame(key, content)) + encoded("flac", "flac")


def by_ffmpeg(kind: str, codec: str) -> Callable[[str, str], bytes]:
    return lambda key, content: encoded(kind, codec, **{key: content})


CONTAINERS: Final[dict[str, Callable[[str, str], bytes]]] = {
    "flac": by_ffmpeg("flac", "flac"),
    "ogg": by_ffmpeg("ogg", "flac"),
    "mp4": by_ffmpeg("mp4", "aac"),
    "matroska": by_ffmpeg("matroska", "flac"),
    "caf": by_ffmpeg("caf", "pcm_s16be"),
    "wavpack": by_ffmpeg("wv", "wavpack"),
    "freeform": lambda key, content: freeform(mp4(), key, content),
    "id3v2.3": lambda key, content: id3(frame(key, content, 0)) + mp3(),
    "id3v2.4": lambda key, content: id3(frame(key, content), version=4) + mp3(),
    "id3 in utf-16": lambda key, content: id3(frame(key, content, 1)) + mp3(),
    "id3 before flac": in_flac_after_id3,
    "id3 before aac": lambda key, content: id3(frame(key, content)) + aac(),
    "id3 in wav": lambda key, content: with_chunk(wav(), b"id3 ", id3(frame(key, content))),
    "id3 in aiff": lambda key, content: with_chunk(aiff(), b"ID3 ", id3(frame(key, content))),
    "ape in mp3": lambda key, content: mp3() + ape(**{key: content.encode()}),
    "ape before id3v1": lambda key, content: mp3() + ape(**{key: content.encode()}) + id3v1("A"),
    "ape in aac": lambda key, content: aac() + ape(**{key: content.encode()}),
}


def marks_in(content: bytes, tmp_path: Path) -> tuple[Mark, ...]:
    facts = provenance_of(content, tmp_path)
    return () if facts is None else facts.marks


# Each mark in two containers, two marks in each: how a tag is carried and what it means are apart.
GRID: Final = [
    (kind, container)
    for kind in MARKS
    for container in CONTAINERS
    if kind in ("suno", "aigc nested") or container in ("flac", "id3v2.3")
]


@pytest.mark.parametrize(("kind", "container"), GRID)
def test_every_mark_is_read_in_every_container(kind: str, container: str, tmp_path: Path) -> None:
    key, content, expected = MARKS[kind]
    (mark,) = marks_in(CONTAINERS[container](key, content), tmp_path)
    assert expected.items() <= mark.model_dump().items()


@pytest.mark.parametrize(
    ("content", "generator"),
    [
        (lambda: with_chunk(wav(), b"LIST", info([(b"ICMT", MADE.encode())])), "Suno"),
        (lambda: with_chunk(wav(), b"LIST", info([(b"IART", b"Udio v1.5")])), "Udio"),
        (lambda: with_chunk(wav(), b"LIST", info([(b"AIGC", QUOTED.encode())])), "Mureka"),
        (lambda: with_chunk(aiff(), b"ANNO", MADE.encode()), "Suno"),
        (lambda: encoded("ipod", "aac", comment=MADE), "Suno"),
        (lambda: encoded("flac", "flac", description=MADE), "Suno"),
        (lambda: encoded("flac", "flac", comment="a remark", description=MADE), "Suno"),
        (lambda: mp3() + id3v1("Udio v1"), "Udio"),
        (lambda: id3(("TIT2", text("one"))) + mp3() + id3v1("A", MADE), "Suno"),
        (lambda: id3(("COM", b"\0eng\0" + MADE.encode()), version=2) + mp3(), "Suno"),
        (lambda: id3(("WAS", ADDRESS.encode()), version=2) + mp3(), "Suno"),
        (lambda: id3(("TXX", b"\0AIGC\0" + QUOTED.encode()), version=2) + mp3(), "Mureka"),
        (lambda: id3(("WXXX", b"\0\0" + ADDRESS.encode())) + mp3(), "Suno"),
    ],
)
def test_marks_under_the_names_of_one_container(
    content: Callable[[], bytes], generator: str, tmp_path: Path
) -> None:
    (mark,) = marks_in(content(), tmp_path)
    assert mark.generator == generator


@pytest.mark.parametrize(
    "content",
    [
        lambda: id3(("TIT2", b"\3caf\xe9"), frame("AIGC", QUOTED)) + mp3(),
        lambda: with_chunk(
            wav(), b"LIST", info([(b"INAM", b"caf\xe9"), (b"AIGC", QUOTED.encode())])
        ),
        lambda: mp3() + ape(Title=b"caf\xe9", AIGC=QUOTED.encode()),
        lambda: encoded("flac", "flac", title="caf@", AIGC=QUOTED).replace(b"caf@", b"caf\xe9"),
        lambda: encoded("matroska", "flac", title="caf@", AIGC=QUOTED).replace(b"caf@", b"caf\xe9"),
        lambda: encoded("mp4", "aac", title="caf@", AIGC=QUOTED).replace(b"caf@", b"caf\xe9"),
    ],
)
def test_one_tag_in_latin_1_hides_no_other(content: Callable[[], bytes], tmp_path: Path) -> None:
    facts = provenance_of(content(), tmp_path)
    assert facts is not None
    assert facts.aigc == Aigc(label="1", producer="Mureka", produce_id="p-1")


@pytest.mark.parametrize(
    ("tag", "label"),
    [
        (FLAT, "1"),
        (QUOTED, "1"),
        (NESTED, "1"),
        ('{"AIGC":{"label":2}}', "2"),
        (json.dumps({"AIGC": FLAT}), "1"),
        (json.dumps(FLAT), "1"),
        ('{"LABEL":"3","contentproducer":null}', "3"),
    ],
)
def test_an_aigc_tag_has_many_spellings(tag: str, label: str) -> None:
    facts = aigc_of([("aigc", tag)])
    assert facts is not None
    assert facts.label == label


def test_a_mark_names_a_song_by_a_short_id() -> None:
    tag = json.dumps({"Label": "1", "ContentProducer": "Mureka", "ProduceID": "x" * 1_900})
    (mark,) = marks_of_aigc(aigc_of([("aigc", tag)]))
    assert mark.song_id == "x" * 200


@pytest.mark.parametrize(
    "tag",
    ["1", "{", "[]", '{"Label":"7"}', '{"ContentProducer":"x"}', "[" * 100_000, "'", "{}",
     '{"aigc":' * 5_000, '{"aigc":{"aigc":{"aigc":{"aigc":{"Label":"1"}}}}}'],
)  # fmt: skip
def test_a_broken_aigc_tag_is_none(tag: str, tmp_path: Path) -> None:
    assert provenance_of(encoded("flac", "flac", AIGC=tag), tmp_path) is None


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("title", "Made with Suno"),
        ("title", MADE),
        ("comment", "Made with Suno"),
        ("comment", "made with suno; love it"),
        ("comment", f"I heard https://suno.com/song/{SONG} and wept"),
        ("comment", "suno.com"),
        ("comment", "not made with suno; created=2026-01-01"),
        ("artist", "Udio"),
        ("artist", "Udio vs. Suno"),
        ("artist", "Udio v1 Allstars"),
        ("artist", "Suno"),
        ("album", "Udio v1"),
        ("artist", "Mureka"),
        ("comment", "Mureka"),
        ("prompt", "TextEncodeAceStepAudio"),
        ("prompt", '"ConditioningStableAudio"'),
        ("workflow", json.dumps({"nodes": [{"type": "SaveAudio"}, {"type": "LoadAudio"}]})),
        ("prompt", json.dumps({"1": {"class_type": "KSampler", "text": "ACEStep"}})),
        ("comment", json.dumps(ACE)),
        ("encoder", "Lavf60.16.100"),
        ("woas", "https://suno.com/@somebody"),
        ("woas", f"https://example.com/?u=https://suno.com/song/{SONG}"),
    ],
)
def test_ordinary_words_are_no_mark(key: str, content: str, tmp_path: Path) -> None:
    assert marks_of([(key, content)]) == ()
    assert provenance_of(encoded("flac", "flac", **{key: content}), tmp_path) is None


def test_two_marks_of_one_generator_are_one() -> None:
    (mark,) = marks_of([("comment", STUDIO), ("woas", ADDRESS)])
    assert (mark.version, mark.song_id, mark.place) == ("studio", SONG, "comment")


def test_a_name_alone_comes_after_a_mark_of_a_song() -> None:
    marks = marks_of([("artist", "Udio v1"), ("comment", MADE)])
    assert [mark.generator for mark in marks] == ["Suno", "Udio"]


LYRIA: Final[dict[str, Any]] = {
    "generator": {"name": "Google C2PA Core Generator Library", "version": "1:1"},
    "action": {"description": "Created by Google Generative AI."},
}
SUNO: Final[dict[str, Any]] = {
    "generator": {"name": "Suno", "version": "chirp-hawk"},
    "assertions": [
        {
            "label": "com.suno.provenance",
            "data": {"systemName": "Suno", "systemVersion": "chirp-hawk", "contentId": SONG},
        }
    ],
}
MANIFESTS: Final[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    (LYRIA, {"generator": "Lyria"}),
    (SUNO, {"generator": "Suno", "version": "chirp-hawk", "song_id": SONG}),
    ({"generator": SUNO["generator"]}, {"generator": "Suno", "version": "chirp-hawk"}),
    ({"assertions": SUNO["assertions"]}, {"generator": "Suno", "song_id": SONG}),
    ({"action": {"softwareAgent": {"name": "ElevenLabs"}}}, {"generator": "ElevenLabs"}),
    ({"action": {"softwareAgent": "ElevenLabs"}}, {"generator": "ElevenLabs"}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("more", "expected"), MANIFESTS)
def test_a_manifest_names_the_generator(
    more: dict[str, Any], expected: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    signed = SIGNATORY.sign(*plain(kind), **more)
    facts = provenance_of(signed, tmp_path)
    assert facts is not None
    (mark,) = facts.marks
    assert expected.items() <= mark.model_dump().items()
    assert (facts.extent, mark.kind, mark.intact) == (Extent.ALL, "c2pa", True)


def test_googles_library_alone_is_no_mark(tmp_path: Path) -> None:
    """Cameras sign by it too."""
    facts = provenance_of(SIGNATORY.sign(wav(), generator=LYRIA["generator"]), tmp_path)
    assert facts is not None
    assert facts.marks == ()


def retagged(kind: str, signed: bytes) -> bytes:
    """The file with another tag than it had."""
    match kind:
        case "wav":
            return with_chunk(signed, b"LIST", info([(b"INAM", b"Retagged")]))
        case "m4a":
            return signed.replace(b"Lavf", b"Tags")
    return signed + id3v1("Retagged")


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_file_that_was_tagged_anew_keeps_what_it_asserted(
    kind: str, tmp_path: Path
) -> None:
    facts = provenance_of(retagged(kind, SIGNATORY.sign(*plain(kind), **SUNO)), tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("invalid", Extent.ALL)
    assert "assertion" in facts.codes[0]
    (mark,) = facts.marks
    assert (mark.generator, mark.song_id, mark.intact) == ("Suno", SONG, False)


@pytest.mark.parametrize("media_type", ["application/jumbf", "application/x-c2pa-manifest-store"])
def test_a_manifest_under_another_media_type_is_found(media_type: str, tmp_path: Path) -> None:
    signed = SIGNATORY.sign(*plain("mp3"), **SUNO)
    start = signed.index(b"\0\0\0", signed.index(b"manifest store"))
    store = signed[start + 1 : start + 1 + int.from_bytes(signed[start + 1 : start + 5])]
    content = b"\0" + media_type.encode() + b"\0c2pa\0c2pa manifest store\0" + store
    facts = provenance_of(id3(("GEOB", content)) + mp3(), tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("invalid", Extent.ALL)
    assert [mark.song_id for mark in facts.marks] == [SONG]


@pytest.mark.parametrize("form", [b"BW64", b"RF64"])
def test_a_manifest_in_a_broadcast_wave_is_found(form: bytes, tmp_path: Path) -> None:
    facts = provenance_of(form + SIGNATORY.sign(wav(), **SUNO)[4:], tmp_path)
    assert facts is not None
    assert (facts.state, facts.extent) == ("invalid", Extent.ALL)
    assert "earmark.unlocated" in facts.codes
    assert [mark.generator for mark in facts.marks] == ["Suno"]


@pytest.mark.parametrize("kind", ["wav", "m4a"])
def test_tags_in_front_hide_no_manifest(kind: str, tmp_path: Path) -> None:
    """What is behind the tag is what was signed, and what is decoded."""
    facts = provenance_of(
        id3(frame("comment", MADE)) + SIGNATORY.sign(*plain(kind), **SUNO), tmp_path
    )
    assert facts is not None
    assert (facts.state, facts.extent) == ("trusted", Extent.ALL)
    assert {mark.kind: mark.intact for mark in facts.marks} == {"c2pa": True, "tag": True}


@pytest.mark.parametrize(
    ("name", "data", "generator"),
    [
        (b"LIST", info([(b"ICMT", MADE.encode())]), "Suno"),
        (b"LIST", info([(b"AIGC", QUOTED.encode())]), "Mureka"),
        (b"id3 ", id3(frame("comment", MADE)), "Suno"),
    ],
)
def test_tags_in_front_hide_no_mark(
    name: bytes, data: bytes, generator: str, tmp_path: Path
) -> None:
    content = id3(("TIT2", b"\0A title")) + with_chunk(wav(), name, data)
    facts = provenance_of(content, tmp_path)
    assert facts is not None
    assert [mark.generator for mark in facts.marks] == [generator]


def test_marks_are_read_in_the_confined_child(tmp_path: Path) -> None:
    long = tone("mp3", "libmp3lame", 6, {})
    contents = {
        "woas": id3(("WOAS", ADDRESS.encode())) + long,
        "ape": long + ape(AIGC=QUOTED.encode()),
        "id3 in wav": with_chunk(wav(6.0), b"id3 ", id3(frame("comment", MADE))),
        "manifest": SIGNATORY.sign(wav(6.0), **LYRIA),
    }
    answers = decoded_track(contents, tmp_path)
    generators = {
        name: Provenance.model_validate_json(answer).marks[0].generator
        for name, answer in answers.items()
    }
    assert generators == {
        "woas": "Suno", "ape": "Mureka", "id3 in wav": "Suno", "manifest": "Lyria",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        lambda: id3() + mp3(),
        lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + mp3(),
        lambda: b"ID3\2\0\x80\0\0\0\x20TXX\xff\xff\xff" + mp3(),
        lambda: b"ID3\3\0\x40\0\0\1\0" + b"\xff" * 200 + mp3(),
        lambda: id3(("GEOB", b"\1"), ("TXXX", b""), ("COMM", b"\7"), ("WXXX", b"\1\0")) + mp3(),
        lambda: id3(*[("TXXX", b"\3a\0b")] * 5_000) + mp3(),
        lambda: mp3() + b"APETAGEX" + b"\xff" * 24,
        lambda: mp3() + ape() + b"APETAGEX" + b"\0" * 24,
        lambda: wav()[:36] + b"LIST\xff\xff\xff\xff" + wav()[36:],
        lambda: with_chunk(wav(), b"id3 ", b"ID3"),
        lambda: b"RF64\xff\xff\xff\xffWAVEds64" + b"\xff" * 40,
        lambda: b"FORM" + b"\xff" * 64,
        lambda: b"",
    ],
)
def test_hostile_tags_carry_no_mark(content: Callable[[], bytes], tmp_path: Path) -> None:
    assert marks_in(content(), tmp_path) == ()


def test_a_mark_stands_behind_hundreds_of_other_tags(tmp_path: Path) -> None:
    others = [("TXXX", b"\3key\0%d" % number) for number in range(400)]
    content = id3(*others, frame("comment", MADE)) + mp3()
    assert [mark.generator for mark in marks_in(content, tmp_path)] == ["Suno"]
