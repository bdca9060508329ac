"""Tags as a file carries them, without the marks that are read from them."""

import struct
from io import BytesIO

import pytest

from streams.media.tags import (
    MAX_TAGS,
    MAX_TEXT,
    Tags,
    chunk,
    tags_of,
)
from tests.support.signing import wav
from tests.support.tagging import ape, id3, id3v1, with_chunk


def test_a_chunk_is_found_in_any_case() -> None:
    tagged = BytesIO(with_chunk(wav(), b"id3 ", b"tag"))
    assert chunk(tagged, b"ID3 ") == b"tag"
    assert chunk(tagged, b"LIST") is None
    assert chunk(BytesIO(b"OggS" + bytes(100)), b"ID3 ") is None


def test_a_size_beyond_any_file_ends_the_search() -> None:
    sizes = struct.pack("<QQQ", 2**40, 2**63 - 1, 0)
    head = b"RF64" + bytes(4) + b"WAVE" + b"ds64" + struct.pack("<I", len(sizes)) + sizes
    file = BytesIO(head + b"data" + b"\xff" * 4 + bytes(100))
    assert chunk(file, b"C2PA") is None


def test_every_kind_of_tag_is_read_in_order() -> None:
    frames = ("WOAS", b"https://a.example/"), ("TXXX", b"\3Key\0 text ")
    objects = ("GEOB", b"\0Application/X\0name\0about\0\1\2")
    tags = tags_of(BytesIO(id3(*frames, objects) + ape(Comment=b"one\0two") + id3v1("Artist")))
    assert tags.texts == (
        *(("woas", "https://a.example/"), ("key", "text")),
        *(("comment", "one"), ("comment", "two"), ("artist", "Artist")),
    )
    assert tags.objects == (("application/x", b"\1\2"),)


def test_a_broken_frame_ends_only_itself() -> None:
    frames = ("TXXX", b""), ("COMM", b"\x09eng\0text"), ("TXXX", b"\3key\0text")
    assert tags_of(BytesIO(id3(*frames))).texts == (("key", "text"),)


def test_a_plain_file_has_no_tags_and_many_are_bounded() -> None:
    assert tags_of(BytesIO(b"")).texts == ()
    assert tags_of(BytesIO(wav())).objects == ()
    many = [("TXXX", f"\3key{number}\0text".encode()) for number in range(2 * MAX_TAGS)]
    assert len(tags_of(BytesIO(id3(*many))).texts) == MAX_TAGS


def test_texts_of_one_frame_are_read_up_to_a_bound_also_where_they_repeat() -> None:
    """Half a million of the same cost a decode process half a minute, and gave one tag."""
    many = b"\3" + b"same\0" * MAX_TAGS + b"last"
    texts = tags_of(BytesIO(id3(("TIT2", many), ("TPE1", b"\3Artist")))).texts
    assert ("tit2", "same") in texts
    assert ("tit2", "last") not in texts
    assert ("artist", "Artist") in texts


def read(content: bytes) -> Tags:
    return tags_of(BytesIO(content))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (("TPE1", b"\0An artist"), ("artist", "An artist")),
        (("TPE1", b"\3\xc3\xa9"), ("artist", "é")),
        (("TPE1", b"\1\xff\xfea\0b\0\0\0"), ("artist", "ab")),
        (("TPE1", b"\2\0a\0b"), ("artist", "ab")),
        (("TXXX", b"\3Key\0value"), ("key", "value")),
        (("TXXX", b"\1\xff\xfea\0\0\x62\0\0\xff\xfev\0"), ("a戀", "v")),
        (("COMM", b"\0engshort\0the comment"), ("comment", "the comment")),
        (("WOAS", b"https://example.com/"), ("woas", "https://example.com/")),
        (("WXXX", b"\0\0https://example.com/"), ("wxxx", "https://example.com/")),
        (("WXXX", b"\0site\0https://example.com/"), ("site", "https://example.com/")),
    ],
)
@pytest.mark.parametrize("version", [3, 4])
def test_frames_of_id3(frame: tuple[str, bytes], expected: tuple[str, str], version: int) -> None:
    assert expected in read(id3(frame, version=version)).texts


def test_an_object_has_its_media_type() -> None:
    content = b"\0Application/JUMBF\0name\0words\0\1\2\3"
    assert read(id3(("GEOB", content))).objects == (("application/jumbf", b"\1\2\3"),)
    wide = b"\1application/jumbf\0\xff\xfen\0\0\0\xff\xfew\0\0\0\1\2\3"
    assert read(id3(("GEOB", wide))).objects == (("application/jumbf", b"\1\2\3"),)


def test_what_synchronisation_or_an_extended_header_hides_is_read() -> None:
    plain = id3(("WOAS", b"a\xffb"))
    whole = plain[:5] + b"\x80" + plain[6:9] + bytes([plain[9] + 1]) + plain[10:]
    assert read(whole.replace(b"a\xffb", b"a\xff\0b")).texts == (("woas", "aÿb"),)
    extended = b"\0\0\0\6" + bytes(6)
    size = bytes([plain[9] + len(extended)])
    assert ("woas", "aÿb") in read(
        plain[:5] + b"\x40" + plain[6:9] + size + extended + plain[10:]
    ).texts


def test_a_text_without_measure_is_left_out() -> None:
    assert read(ape(key=b"x" * (MAX_TEXT + 1))).texts == ()
