"""Labels and credits as messages that a partner reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from streams.contract.records import Contributor
from streams.contract.records.rights import CreditLine
from streams.policy.credits import credit_lines
from streams.policy.decide import decide
from streams.policy.features import conflicts
from streams.services.ddex.reading import parse
from streams.services.ddex.writing import Parties, message, message_id
from streams.services.ddex.xml import text, tree
from streams.store.labelled_tracks import LabelledTrack
from tests.support.events import classified
from tests.support.policies import bundle, rule
from tests.unit.streams.policy.test_mappings import label

PARTIES = Parties("PADPIDA2014120301U", "PADPIDA2009101501Y")
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
# The order of the standard's schema (ERN 4.3.2), of what is written.
ORDER = (
    *("ResourceReference", "Type", "SoundRecordingEdition", "DisplayTitleText", "DisplayTitle"),
    *("DisplayArtistName", "DisplayArtist", "Contributor", "Duration", "ContainsAI", "IsCover"),
    "DisplayCredits",
)
RELEASE_ORDER = (
    *("ReleaseReference", "ReleaseType", "ReleaseId", "DisplayTitleText", "DisplayTitle"),
    *("DisplayArtistName", "DisplayArtist", "ReleaseLabelReference", "DisplayGenre"),
    "ResourceGroup",
)
PEOPLE = (
    Contributor(name="A Singer", roles=("Vocalist", "Ghost"), ai_contribution="Partly"),
    Contributor(name="A Player", roles=("Musician",)),
    Contributor(name="GenerativeAI", is_generative_ai=True, ai_contribution="All"),
)


def track(extent: str, *, demanded: tuple[str, ...] = (), **fields: Any) -> LabelledTrack:
    """Return a track with a label, its credits as a decision derives them."""
    facts: dict[str, Any] = {
        "isrc": "USRC17607839",
        "title": "One",
        "artists": ("A Band",),
        "contributors": PEOPLE,
    }
    event = classified(**(facts | fields))
    stated = label(extent, components=("vocals",), generator="Songmaker")
    decided = decide(event, bundle(rule(actions={"display": "ai_badge"}))).decided.model_copy(
        update={"label": stated}
    )
    lines: tuple[CreditLine, ...] = ()
    if extent in ("All", "Partly"):
        lines = credit_lines(event, stated, demanded)
    return LabelledTrack(event.upload, decided, 225.5, credits=lines)


def recording_of(item: LabelledTrack) -> Element:
    (element,) = tree(message([item], PARTIES, AT)).iterfind("ResourceList/SoundRecording")
    return element


def contributors(element: Element) -> list[tuple[str | None, list[str | None], str | None]]:
    return [
        (
            text(one, "SpecialContributor", "ContributorPartyReference"),
            [value.get("UserDefinedValue") or value.text for value in one.iterfind("Role/Value")],
            text(one, "AiContribution"),
        )
        for one in element.iterfind("Contributor")
    ]


@pytest.mark.parametrize(
    ("extent", "stated", "lines"),
    [
        ("All", "All", [("GenerativeAI", ["Vocalist"], "All")]),
        ("Partly", "Partly", [("P2", ["Vocalist", "Ghost"], "Partly"), ("P3", ["Musician"], "None"),
                              ("GenerativeAI", ["Vocalist"], "All")]),
        ("None", "None", [("P2", ["Vocalist", "Ghost"], "None"), ("P3", ["Musician"], "None")]),
        ("Unknown", None, [("P2", ["Vocalist", "Ghost"], "Partly"), ("P3", ["Musician"], None)]),
    ],
)  # fmt: skip
def test_a_label_and_its_credits_keep_the_rules_of_the_standard(
    extent: str, stated: str | None, lines: list[Any]
) -> None:
    element = recording_of(track(extent))
    assert text(element, "ContainsAI") == stated
    assert contributors(element) == lines
    assert text(element, "Contributor/DisplayCredits/DisplayCreditText") == (
        "Songmaker" if extent in ("All", "Partly") else None
    )


@pytest.mark.parametrize("extent", ["All", "Partly", "None"])
def test_our_own_reader_reads_it_without_a_conflict(extent: str) -> None:
    file = b"<TechnicalDetails><DeliveryFile><File><URI>a.wav</URI></File></DeliveryFile>"
    content = message([track(extent)], PARTIES, AT)
    content = content.replace(b"</ResourceId>", b"</ResourceId>" + file + b"</TechnicalDetails>", 1)
    (upload,) = parse(content, Path("/deliveries")).uploads
    assert upload.declared.contains_ai == extent
    assert conflicts(upload) == ()
    assert (upload.isrc, upload.title, upload.artists) == ("USRC17607839", "One", ("A Band",))
    assert upload.ddex is not None
    assert (upload.ddex.ern_version, upload.distributor) == ("4.3.2", PARTIES.sender)


def test_credits_that_an_agreement_demands_are_kept_beside_all() -> None:
    element = recording_of(track("All", demanded=("A Source",)))
    assert text(element, "DisplayCredits/DisplayCreditText") == "Source: A Source"
    partly = recording_of(track("Partly", demanded=("A Source",)))
    assert contributors(partly)[-1] == ("P4", ["Source"], "None")


def test_a_person_contributes_ai_partly_at_most() -> None:
    person = Contributor(name="A Singer", ai_contribution="All")
    assert contributors(recording_of(track("Partly", contributors=(person,))))[0][2] == "Partly"


def test_elements_have_the_order_of_the_schema() -> None:
    item = track(
        "All",
        demanded=("A Source",),
        derivation={"type": "cover"},
        identifiers={"upc": "00602557111111", "grid": "A1UCASE0000000001X"},
    )
    artwork = label("All").model_copy(update={"subject": "artwork"})
    item = LabelledTrack(item.upload, item.decided, 1.0, artwork, item.credits)
    root = tree(message([item], PARTIES, AT))
    assert [one.tag for one in root] == [
        "MessageHeader",
        "PartyList",
        "ResourceList",
        "ReleaseList",
    ]
    for path, order in (
        ("ResourceList/SoundRecording", ORDER),
        ("ReleaseList/Release", RELEASE_ORDER),
    ):
        (element,) = root.iterfind(path)
        names = [one.tag for one in element]
        assert names == sorted(names, key=order.index)
        assert set(names) == set(order)
    assert text(root, "ResourceList/Image/ContainsAI") == "All"
    assert text(root, "ReleaseList/Release/ResourceGroup/LinkedReleaseResourceReference") == "A2"
    assert [text(root, f"ReleaseList/Release/ReleaseId/{name}") for name in ("GRid", "ICPN")] == [
        "A1UCASE0000000001X",
        "00602557111111",
    ]


def test_a_message_has_all_tracks_and_every_party_once() -> None:
    items = [track("All", track_id=name, isrc=f"USRC1760783{name}") for name in "12"]
    root = tree(message(items, PARTIES, AT))
    assert [one.text for one in root.iter("ISRC")] == ["USRC17607831", "USRC17607832"]
    group = root.iterfind("ReleaseList/Release/ResourceGroup/ResourceGroupContentItem")
    assert [text(one, "ReleaseResourceReference") for one in group] == ["A1", "A2"]
    assert [one.text for one in root.iter("FullName")] == ["A Band", "Unknown"]
    assert message_id(items, PARTIES) == text(root, "MessageHeader/MessageId")
    assert message_id(items, PARTIES) != message_id(items[:1], PARTIES)


def test_characters_that_xml_lacks_are_replaced() -> None:
    element = recording_of(track("All", title="a\0b\x1b<c>\ud7ff", artists=("\x07",)))
    assert text(element, "DisplayTitleText") == "a\ufffdb\ufffd<c>\ud7ff"
