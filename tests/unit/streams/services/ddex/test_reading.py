"""DDEX messages from outside: what they give, and what is refused."""

import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from cProfile import Profile
from pathlib import Path

import pytest

from streams.contract.records import Contributor, Declaration, Upload
from streams.policy.features import conflicts
from streams.services.ddex import reading
from streams.services.ddex.reading import VERSIONS, parse, read
from streams.services.ddex.xml import MAX_BYTES, WrongDdex
from tests.support.ern import (
    IMAGE,
    MACHINE,
    SHA256,
    SINGER,
    V3,
    V4,
    VIDEO,
    bundle,
    deal,
    message,
    purge,
    recording,
    release,
)
from tests.support.ern_releases import HERE, of_release


def only(content: bytes) -> Upload:
    (item,) = parse(content, HERE).uploads
    return item


def test_a_message_becomes_the_uploads_that_it_brings() -> None:
    item = only(message(SINGER.format(how="None"), "<ContainsAI>Partly</ContainsAI>"))
    assert item == Upload(
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
        ddex=item.ddex,
    )
    assert item.ddex is not None
    assert (item.ddex.message_id, item.ddex.ern_version) == ("M-1", "4.3.2")


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
    item = only(message(image="<ContainsAI>All</ContainsAI>", recording="<IsCover>true</IsCover>"))
    assert (item.declared.contains_ai, item.declared.artwork_contains_ai) == (None, "All")
    assert item.derivation is not None
    assert item.derivation.type == "cover"


@pytest.mark.parametrize(
    ("contributors", "stated", "image", "result"),
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
    contributors: str, stated: str, image: str, result: tuple[str, ...]
) -> None:
    assert conflicts(only(message(contributors, stated, image))) == result


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
        (b"<NewReleaseMessage/>", "namespace '' is not read"),
        (b'<a:NewReleaseMessage xmlns:a="http://ddex.net/xml/ern/43"/>', "no MessageHeader"),
        (message().replace(b"/ern/432", b"/2011/ern-main/33"), "ern-main/33' is not read"),
        (message().replace(b"ern/432", b"ern/37D2"), "ern/37D2' is not read"),
        (message().replace(b"ern/432", b"ern/44"), "ern/44' is not read"),
        (
            message().replace(b"NewReleaseMessage", b"CatalogListMessage"),
            "CatalogListMessage is no",
        ),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper"),
        (message(recording="<ContainsAI>Some</ContainsAI>"), "ContainsAI is one of"),
        (message().replace(b"US-RC1-76-07839", b"nonsense"), "isrc"),
        (message().replace(b"M-1", b"M" * 5_000), "message_id"),
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


def ordinary(count: int) -> bytes:
    """An album and its single tracks, with pictures and deals."""
    names = [f"A{number}" for number in range(count)]
    tracks = [recording("4.3", name, "USRC17607839", "One") for name in names]
    album = bundle("R0", "1", *names) + "".join(bundle(f"R{name}", "1", name) for name in names)
    deals = "".join(deal(f"R{name}", "DE", "NO") for name in names) + deal("", "SE") * count
    return release("4.3", *tracks, IMAGE * count, releases=album, deals=deals)


def ids_of_editions(count: int) -> bytes:
    """A recording with many ids that are none, and as many editions without one."""
    ids = "<ResourceId><ProprietaryId/></ResourceId>" * count
    editions = "<SoundRecordingEdition/>" * count
    track = recording("4.3", "A1", "?", "One").replace("<ISRC>?</ISRC>", "")
    return release("4.3", track.replace("</SoundRecording>", f"{ids}{editions}</SoundRecording>"))


@pytest.mark.parametrize("made", [ordinary, ids_of_editions])
def test_time_grows_with_the_message_and_no_faster(made: Callable[[int], bytes]) -> None:
    def calls(count: int) -> int:
        """Return how many functions are called: time depends on what else runs."""
        content, profile = made(count), Profile()
        profile.runcall(parse, content, HERE)
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(320) < 3 * 8 * calls(40)  # quadratic: 64 times


def many_deals(count: int) -> bytes:
    """One recording in many releases, and deals about all of them that end on as many days."""
    releases = "".join(bundle(f"R{number}", "1", "A1") for number in range(count))
    ends = "".join(
        f"<Deal><DealTerms><TerritoryCode>X{day}</TerritoryCode>"
        f"<ValidityPeriod><EndDate>9{day:09}</EndDate></ValidityPeriod></DealTerms></Deal>"
        for day in range(count)
    )
    track = recording("4.3", "A1", "USRC17607839", "One")
    deals = f"<ReleaseDeal>{ends}</ReleaseDeal>"
    return release("4.3", track, releases=releases, deals=deals)


def test_memory_grows_with_the_message_and_no_faster() -> None:
    def peak(count: int) -> int:
        content = many_deals(count)
        tracemalloc.start()
        try:
            parse(content, HERE)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(800) < 3 * 8 * peak(100)  # quadratic: 64 times


def test_two_recordings_of_one_reference_are_refused() -> None:
    """Each of many releases would be about each of them."""
    track = recording("4.3", "A1", "USRC17607839", "One")
    with pytest.raises(WrongDdex, match="two recordings have the reference 'A1'"):
        of_release("4.3", track, track)


def test_editions_do_not_multiply_the_contributors_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_editions(count: int) -> str:
        editions = "".join(IMMERSIVE.format(isrc=f"USRC176{n:05}") for n in range(count))
        whole = recording("4.3", "A1", "USRC17607839", "One")
        return whole.replace("</SoundRecording>", f"{editions}</SoundRecording>")

    monkeypatch.setattr(reading, "MAX_CREDITED", 20)
    assert len(of_release("4.3", with_editions(9)).uploads) == 10
    with pytest.raises(WrongDdex, match="more than 20 contributors"):
        of_release("4.3", with_editions(10))


def test_a_file_name_need_not_be_utf8() -> None:
    assert only(message().replace(FILE, b"caf%E9.flac")).uri == "file:///deliveries/caf%E9.flac"


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    with file.open("wb") as huge:
        huge.truncate(2**40)
    with pytest.raises(WrongDdex, match="exceeds"):
        read(file)


def test_every_version_has_a_test() -> None:
    assert VERSIONS == V3 + V4


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_as_fully(version: str) -> None:
    """The clip before the master is not taken, neither are its hash and its address."""
    delivery = of_release(
        version,
        recording(version, "A1", "USRC17607839", "One"),
        IMAGE,
        VIDEO,
        releases=bundle("R0", "00602557111111", "A1", "A9"),
        deals=deal("R0", "DE", "NO"),
    )
    (item,) = delivery.uploads
    assert item.ddex is not None
    assert item.ddex.ern_version == version
    assert item == Upload(
        track_id="PADPIDA2014XYZ:USRC17607839",
        uri="file:///deliveries/audio/A1%2520.wav",
        sha256=SHA256,
        title="One (Live)",
        isrc="USRC17607839",
        identifiers={"upc": "00602557111111", "iswc": "T1234567890"},
        artists=("A Singer", "A Singer (UK)"),
        contributors=(
            Contributor(name="A Singer", roles=("Vocalist",)),
            Contributor(name="A Writer", roles=("Composer", "Lyricist")),
        ),
        distributor="PADPIDA2014XYZ",
        territories=("DE", "NO"),
        ddex=item.ddex,
    )
    assert delivery.passed_over == {
        "clip of a recording": ["A1 T9"],
        "Image": ["A9"],
        "Video": ["A8"],
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("release_id", "identifiers", "track_ids"),
    [
        ("<GRid>A1UCASE0000000001X</GRid>", {"grid": "A1UCASE0000000001X"}, ()),
        ("<ICPN>123451234509</ICPN>", {"upc": "123451234509"}, ()),
        ("<ISRC>US-RC1-76-07839</ISRC>", {"isrc": "US-RC1-76-07839"},
         ("PADPIDA2014XYZ:USRC17607839",)),
    ],
)  # fmt: skip
def test_a_purge_names_what_is_withdrawn(
    version: str, release_id: str, identifiers: dict[str, str], track_ids: tuple[str, ...]
) -> None:
    delivery = parse(purge(version, release_id), HERE)
    (taken,) = delivery.withdrawn
    assert (taken.why, taken.identifiers, taken.track_ids) == ("purged", identifiers, track_ids)
    assert delivery.sentences()[0] == f"PurgeReleaseMessage M-3, ERN {version}: 0 uploads"


IMMERSIVE = """<SoundRecordingEdition><Type>ImmersiveEdition</Type>
  <ResourceId><ISRC>{isrc}</ISRC></ResourceId>
  <EditionContributor><ContributorPartyReference>P2</ContributorPartyReference>
    <Role>ImmersiveMixingEngineer</Role></EditionContributor>
  <TechnicalDetails><TechnicalResourceDetailsReference>T5</TechnicalResourceDetailsReference>
    <DeliveryFile><File><URI>atmos.wav</URI></File></DeliveryFile></TechnicalDetails>
</SoundRecordingEdition>"""


@pytest.mark.parametrize("version", ["4.3", "4.3.1", "4.3.2"])
@pytest.mark.parametrize(
    ("isrc", "track"),
    [("USRC17607840", "USRC17607840"), ("USRC17607839", "USRC17607839:ImmersiveEdition")],
)
def test_each_edition_is_an_upload(version: str, isrc: str, track: str) -> None:
    """The immersive one comes first here; its track is the same wherever it stands."""
    stereo = recording(version, "A1", "USRC17607839", "One")
    both = stereo.replace(
        "<SoundRecordingEdition>", IMMERSIVE.format(isrc=isrc) + "<SoundRecordingEdition>"
    )
    plain, immersive = of_release(version, both).uploads
    assert [plain.track_id, immersive.track_id] == [
        "PADPIDA2014XYZ:USRC17607839",
        f"PADPIDA2014XYZ:{track}",
    ]
    assert (plain.sha256, immersive.sha256) == (SHA256, None)
    assert immersive.uri == "file:///deliveries/atmos.wav"
    assert immersive.ddex is not None
    assert immersive.ddex.edition == "ImmersiveEdition"
    assert immersive.contributors[1].roles == ("Composer", "Lyricist", "ImmersiveMixingEngineer")
    assert plain.contributors[1].roles == ("Composer", "Lyricist")
    assert {plain.isrc, immersive.isrc} == {"USRC17607839", isrc}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_update_supersedes(version: str) -> None:
    """The same track by ISRC, in another upload; so the later delivery is the one in force."""
    first = recording(version, "A1", "USRC17607839", "One")
    second = recording(version, "A7", "US-RC1-76-07839", "One again")
    update = "<UpdateIndicator>UpdateMessage</UpdateIndicator>"
    later = parse(release(version, second, head=update).replace(b"M-2", b"M-3"), HERE)
    (before,), (after,) = of_release(version, first).uploads, later.uploads
    assert before.track_id == after.track_id
    assert before.upload_id != after.upload_id
    assert "it is an update: its uploads supersede earlier ones" in later.notes


def test_a_track_without_isrc_is_known_by_its_proprietary_id() -> None:
    own = '<ProprietaryId Namespace="PADPIDA2014XYZ">77</ProprietaryId>'
    for version in ("3.8.2", "4.1", "4.3"):
        text = recording(version, "A1", "?", "One").replace("<ISRC>?</ISRC>", own)
        (item,) = of_release(version, text).uploads
        assert item.track_id == "PADPIDA2014XYZ:PADPIDA2014XYZ:77"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recording_without_a_file_is_named(version: str) -> None:
    whole = recording(version, "A1", "USRC17607839", "One")
    name = "FileName" if version in V3 else "URI"
    without = whole.replace(f"<{name}>", "<Nothing>").replace(f"</{name}>", "</Nothing>")
    delivery = of_release(version, without)
    assert not delivery.uploads
    assert delivery.passed_over == {"SoundRecording with only a clip": ["A1"]}
    none = without.replace("IsPreview>true", "IsPreview>false").replace("<IsClip>true", "<IsClip>")
    assert of_release(version, none).passed_over == {
        "SoundRecording with no file in the delivery": ["A1"]
    }
    assert "it has no deals: its territories count as Worldwide" in delivery.notes


@pytest.mark.parametrize("version", ["4.2", "4.3", "4.3.1", "4.3.2"])
def test_a_file_that_is_not_in_the_delivery_is_no_upload(version: str) -> None:
    whole = recording(version, "A1", "USRC17607839", "One")
    mark = "</DeliveryFile>" if version >= "4.3" else "</TechnicalDetails>"
    absent = whole.replace(mark, f"<IsProvidedInDelivery>false</IsProvidedInDelivery>{mark}")
    assert not of_release(version, absent).uploads


def test_a_clip_may_be_in_the_details_of_its_master() -> None:
    clip = (
        "<ClipDetails><DeliveryFile><File><URI>clip.wav</URI></File></DeliveryFile></ClipDetails>"
    )
    whole = recording("4.3", "A1", "USRC17607839", "One")
    delivery = of_release("4.3", whole.replace("<DeliveryFile>", f"{clip}<DeliveryFile>"))
    assert [item.uri for item in delivery.uploads] == ["file:///deliveries/audio/A1%2520.wav"]


def test_further_files_and_other_hashes_are_named() -> None:
    whole = recording("4.2", "A1", "USRC17607839", "One").replace("SHA-256", "MD5")
    delivery = of_release("4.2", whole.replace("IsPreview>true", "IsPreview>false"))
    assert delivery.passed_over == {"further file of a recording": ["A1 T1"]}
    assert delivery.uploads[0].sha256 is None
    assert "hashes that are no SHA-256 and are not compared: 1" in delivery.notes


def test_a_hash_may_be_base64() -> None:
    whole = recording("3.8.2", "A1", "USRC17607839", "One", "u" + "7" * 42 + "=")
    assert of_release("3.8.2", whole).uploads[0].sha256 == b64decode("u" + "7" * 42 + "=").hex()


def test_a_role_of_the_sender_has_its_own_word() -> None:
    stated = "<Contributor><ContributorPartyReference>P1</ContributorPartyReference>"
    stated += '<Role UserDefinedValue="Ghost">UserDefined</Role></Contributor>'
    assert only(message(stated)).contributors[0].roles == ("Ghost",)


def test_a_test_message_and_a_flag_without_meaning_are_named() -> None:
    text = recording("3.8.2", "A1", "USRC17607839", "One").replace(
        "<ReferenceTitle>", "<IsComputerGenerated>true</IsComputerGenerated><ReferenceTitle>"
    )
    content = release("3.8.2", text).replace(
        b"</MessageHeader>", b"<MessageControlType>TestMessage</MessageControlType></MessageHeader>"
    )
    delivery = parse(content, HERE)
    assert delivery.uploads[0].declared == Declaration()
    assert "A1: IsComputerGenerated states nothing about AI" in delivery.notes
    assert "it is a test message" in delivery.notes
