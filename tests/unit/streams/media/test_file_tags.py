"""Names in the tags of a file, and the decode process that reads them."""

import os
from pathlib import Path

from streams.media.file_tags import FileFacts, FileTags, TaggedDecoder, names_of
from streams.media.provenance import ProvenanceDecoder
from tests.support.signing import wav
from tests.support.tagging import id3
from tests.unit.streams.media.test_marks import MADE, SONG, frame


def test_the_first_tag_of_a_kind_names_it() -> None:
    tags = [("title", "One\n two"), ("title", "other"), ("tpe2", "Band"), ("album", "x" * 999)]
    names = names_of([*tags, ("organization", "Label"), ("tsrc", "de-a12-34-00001")])
    assert names == FileTags(
        title="One two",
        artist="Band",
        release="x" * 256,
        release_artist="Band",
        label="Label",
        isrc="DEA123400001",
    )
    assert names_of([("isrc", "=1+1"), ("title", "")]) == FileTags()


def test_the_decoder_reads_tags_beside_provenance(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    frames = ("TIT2", b"\3Song"), ("TPE1", b"\3Nova"), frame("comment", MADE)
    path.write_bytes(id3(*frames) + wav(2.0))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        decoded = TaggedDecoder(ProvenanceDecoder())(descriptor, 60.0)
    finally:
        os.close(descriptor)
    facts = FileFacts.model_validate_json(decoded.provenance)
    assert facts.tags == FileTags(title="Song", artist="Nova")
    assert facts.provenance is not None
    assert facts.provenance.marks[0].song_id == SONG
    assert decoded.audio.duration_s == 2.0
