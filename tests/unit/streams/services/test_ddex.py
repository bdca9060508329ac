"""DDEX messages from outside: what they say, and what they may not do."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract.records import Contributor, Declaration, Upload
from streams.policy.features import conflicts
from streams.services.ddex import MAX_BYTES, WrongDdex, parse, uploads
from tests.support.ern import MACHINE, SINGER, message

HERE = Path("/deliveries")


def only(content: bytes) -> Upload:
    (item,) = parse(content, HERE)
    return item


def test_a_message_becomes_the_uploads_that_it_brings() -> None:
    recording = only(message(SINGER.format(how="None"), "<ContainsAI>Partly</ContainsAI>"))
    assert recording == Upload(
        track_id="PADPIDA2014XYZ:USRC17607839",
        uri="file:///deliveries/audio/one%20track.flac",
        sha256="a" * 64,
        title="One",
        isrc="USRC17607839",
        identifiers={"upc": "00602557111111"},
        artists=("A Singer",),
        contributors=(Contributor(name="A Singer", roles=("Vocalist",), ai_contribution="None"),),
        declared=Declaration(contains_ai="Partly"),
        distributor="PADPIDA2014XYZ",
        territories=("DE", "NO"),
        ddex=recording.ddex,
    )
    assert recording.ddex is not None
    assert (recording.ddex.message_id, recording.ddex.ern_version) == ("M-1", "4.3.2")


def test_a_recording_is_one_track_however_its_isrc_is_written() -> None:
    plain = only(message().replace(b"US-RC1-76-07839", b"usrc17607839"))
    assert plain.track_id == only(message()).track_id
    within = only(message().replace(FILE, b"file:///deliveries/two.flac"))
    assert within.uri == "file:///deliveries/two.flac"
    served = only(message().replace(FILE, b"https://example.org/two.flac"))
    assert served.uri == "https://example.org/two.flac"


def test_a_machine_contributes_all_unless_it_says_otherwise() -> None:
    (machine,) = only(message(MACHINE)).contributors
    assert (machine.name, machine.is_generative_ai) == ("GenerativeAI", True)
    assert machine.ai_contribution == "All"


def test_nothing_said_is_nothing_declared() -> None:
    declared = only(message()).declared
    assert declared == Declaration()
    vocals = only(message(recording="<HasVocalPerformance>false</HasVocalPerformance>")).declared
    assert vocals.has_vocal_performance is False


def test_artwork_is_declared_apart_and_a_cover_is_a_derivative() -> None:
    recording = only(
        message(image="<ContainsAI>All</ContainsAI>", recording="<IsCover>true</IsCover>")
    )
    assert (recording.declared.contains_ai, recording.declared.artwork_contains_ai) == (None, "All")
    assert recording.derivation is not None
    assert recording.derivation.type == "cover"


@pytest.mark.parametrize(
    ("contributors", "recording", "image", "result"),
    [
        ("", "<ContainsAI>All</ContainsAI>", "", ()),
        (MACHINE, "<ContainsAI>All</ContainsAI>", "", ()),
        (SINGER.format(how="Partly"), "<ContainsAI>All</ContainsAI>", "", ("ddex_all_with_human",)),
        (MACHINE, "<ContainsAI>None</ContainsAI>", "", ("ddex_none_with_ai",)),
        (SINGER.format(how="Partly"), "<ContainsAI>None</ContainsAI>", "", ("ddex_none_with_ai",)),
        (SINGER.format(how="None"), "<ContainsAI>None</ContainsAI>", "", ()),
        (
            "",
            "<ContainsAI>All</ContainsAI><HasVocalPerformance>true</HasVocalPerformance>",
            "",
            ("ddex_all_with_human_vocals",),
        ),
        ("", "<ContainsAI>None</ContainsAI>", "<ContainsAI>All</ContainsAI>", ()),  # legitimate
        (MACHINE, "<ContainsAI>Partly</ContainsAI>", "", ()),
    ],
)
def test_contradictions_are_kept_and_named(
    contributors: str, recording: str, image: str, result: tuple[str, ...]
) -> None:
    assert conflicts(only(message(contributors, recording, image))) == result


FILE = b"audio/one%20track.flac"
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<x>&b;</x>"""
READER = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>"""
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (BOMB, "no DTD and no entities"),
        (READER, "no DTD and no entities"),
        (b"<!DOCTYPE x SYSTEM 'http://example.org/x.dtd'><x/>", "no DTD and no entities"),
        (b"", "not XML"),
        (b"<a><b></a>", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (b"<html/>", "html is no ERN message"),
        (b"<NewReleaseMessage/>", "no MessageHeader"),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper"),
        (message(recording="<ContainsAI>Some</ContainsAI>"), "ContainsAI is one of"),
        (message().replace(b"US-RC1-76-07839", b"nonsense"), "isrc"),
        (message().replace(b">DE<", b">Germany<"), "territories"),
        (message().replace(b"M-1", b"M" * 5_000), "message_id"),
        (message().replace(b"ern/432", b"ern/382"), "ERN 3.8.2 is not read"),
        (message().replace(FILE, b"http://[bad/x.flac"), "Invalid IPv6"),
        (message().replace(FILE, b"a%00b.flac"), "null byte"),
        (message().replace(FILE, b"../another/one.flac"), "leads out of the delivery"),
        (message().replace(FILE, b"file:///etc/passwd"), "leads out of the delivery"),
        (message() + b" " * MAX_BYTES, "exceeds"),
    ],
)
def test_what_is_refused_and_why(content: bytes, text: str) -> None:
    with pytest.raises(WrongDdex, match=text):
        parse(content, HERE)


def test_the_command_prints_what_submit_takes(tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(message(recording="<ContainsAI>All</ContainsAI>"))
    run = CliRunner().invoke(app, ["ddex", str(file)])
    assert run.exit_code == 0, run.output
    item = Upload.model_validate_json(run.stdout)
    assert item.declared.contains_ai == "All"
    assert item.uri == (tmp_path.resolve() / "audio/one track.flac").as_uri()


def test_time_grows_with_the_message_and_no_faster() -> None:
    def seconds(recordings: int) -> float:
        more = b"<SoundRecording><ISRC>USRC17607839</ISRC><URI>a</URI></SoundRecording>"
        more += b"<Image><ContainsAI>None</ContainsAI></Image><Release><ICPN>1</ICPN></Release>"
        content = message().replace(b"</ResourceList>", more * recordings + b"</ResourceList>")
        begun = time.process_time()
        assert len(parse(content, HERE)) == recordings + 1
        return time.process_time() - begun

    few = min(seconds(500) for _ in range(3))
    assert seconds(4_000) < 3 * 8 * few  # quadratic: 64 times


def test_a_file_name_need_not_be_utf8() -> None:
    recording = only(message().replace(FILE, b"caf%E9.flac"))
    assert recording.uri == "file:///deliveries/caf%E9.flac"


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    with file.open("wb") as huge:
        huge.truncate(2**40)
    with pytest.raises(WrongDdex, match="exceeds"):
        uploads(file)
