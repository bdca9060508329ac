"""Releases of a message: their deals by territory, and what is withdrawn."""

import pytest

from streams.services.ddex.reading import VERSIONS
from tests.support.ern import (
    V3,
    bundle,
    deal,
    recording,
)
from tests.support.ern_releases import of_release


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_release_has_deals_by_territory(version: str) -> None:
    delivery = of_release(
        version,
        recording(version, "A1", "USRC17607831", "One"),
        recording(version, "A2", "USRC17607832", "Two"),
        recording(version, "A3", "USRC17607833", "Three"),
        releases=bundle("R0", "1", "A1", "A2")
        + bundle("R1", "2", "A2", tag="Release" if version in V3 else "TrackRelease")
        + bundle("R2", "3", "A3"),
        deals=deal("R0", "DE", "NO") + deal("R1", excluded="US") + deal("R2", "Worldwide"),
    )
    places = {
        item.title: (item.identifiers["upc"], item.territories, item.excluded_territories)
        for item in delivery.uploads
    }
    assert places == {
        "One (Live)": ("1", ("DE", "NO"), None),
        "Two (Live)": ("1", ("Worldwide",), ("US",)),
        "Three (Live)": ("3", ("Worldwide",), None),
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("flag", "why"),
    [("<TakeDown>true</TakeDown>", "taken down"),
     ("<AllDealsCancelled>true</AllDealsCancelled>", "deals cancelled"),
     ("<ValidityPeriod><EndDate>2026-10-31</EndDate></ValidityPeriod>", "deals ended")],
)  # fmt: skip
def test_a_release_that_is_taken_down_is_no_upload(version: str, flag: str, why: str) -> None:
    delivery = of_release(
        version,
        recording(version, "A1", "USRC17607839", "One"),
        releases=bundle("R0", "00602557111111", "A1"),
        deals=deal("R0", "Worldwide", more=flag),
    )
    assert not delivery.uploads
    assert delivery.passed_over["SoundRecording that is withdrawn"] == ["A1"]
    (taken,) = delivery.withdrawn
    assert (taken.why, taken.identifiers) == (why, {"upc": "00602557111111"})
    assert taken.track_ids == ("PADPIDA2014XYZ:USRC17607839",)
    sentence = f"withdrawn by its deliverer: upc 00602557111111 ({why}, everywhere), tracks PADP"
    assert sentence in "\n".join(delivery.sentences())


def test_a_release_may_be_taken_down_in_one_country() -> None:
    delivery = of_release(
        "3.8.2",
        recording("3.8.2", "A1", "USRC17607839", "One"),
        releases=bundle("R0", "1", "A1"),
        deals=deal("R0", "Worldwide") + deal("R0", "DE", more="<TakeDown>true</TakeDown>"),
    )
    (item,) = delivery.uploads
    assert (item.territories, item.excluded_territories) == (("Worldwide",), ("DE",))
    (taken,) = delivery.withdrawn
    assert str(taken) == "upc 1 (taken down, DE), tracks PADPIDA2014XYZ:USRC17607839"


@pytest.mark.parametrize(
    ("deals", "territories", "excluded", "inexact"),
    [
        (deal("R0", "276", "0840"), ("DE", "US"), None, ""),
        (deal("R0", "2136"), ("Worldwide",), None, ""),
        (deal("R0", "Worldwide", excluded="276"), ("Worldwide",), ("DE",), ""),
        (deal("R0", "DE", "US-CA"), ("DE", "US"), None, "US-CA"),
        (deal("R0", "2130"), ("Worldwide",), None, "2130"),
        (deal("R0", "DE") + deal("R0", "Germany"), ("Worldwide",), None, "Germany"),
        (deal("R0", "Worldwide", excluded="US-CA"), ("Worldwide",), None, "US-CA"),
        (
            deal("R0", "US") + deal("R0", "US-CA", more="<TakeDown>true</TakeDown>"),
            ("US",), None, "US-CA",
        ),
        (
            deal("R0", "US", "DE")
            + deal("R0", "Worldwide", excluded="US-CA", more="<TakeDown>true</TakeDown>"),
            ("US",), None, "US-CA",
        ),
        (deal("R0", "2130", more="<TakeDown>true</TakeDown>"), ("Worldwide",), None, "2130"),
    ],
)  # fmt: skip
def test_a_code_that_is_no_country_never_takes_places_away(
    deals: str, territories: tuple[str, ...], excluded: tuple[str, ...] | None, inexact: str
) -> None:
    delivery = of_release(
        "4.3",
        recording("4.3", "A1", "USRC17607839", "One"),
        releases=bundle("R0", "1", "A1"),
        deals=deals,
    )
    (item,) = delivery.uploads
    assert (item.territories, item.excluded_territories) == (territories, excluded)
    notes = [note for note in delivery.notes if "no countries" in note]
    assert [inexact in note for note in notes] == [True] * bool(inexact)


def test_the_end_of_all_deals_is_named() -> None:
    period = "<ValidityPeriod><EndDate>2027-01-31</EndDate></ValidityPeriod>"
    delivery = of_release("3.8.2", releases=bundle("R0", "1"), deals=deal("R0", "US", more=period))
    assert delivery.notes == ["it has no resources", "all deals of 1 end by 2027-01-31"]


def test_the_artist_of_a_release_is_that_of_its_recordings() -> None:
    artist = "<ReleaseDetailsByTerritory><DisplayArtistName>A Band</DisplayArtistName>"
    album = bundle("R0", "1", "A1").replace(
        "</Release>", f"{artist}</ReleaseDetailsByTerritory></Release>"
    )
    text = recording("3.8.2", "A1", "USRC17607839", "One").replace("DisplayArtist>", "Other>")
    (item,) = of_release("3.8.2", text, releases=album).uploads
    assert item.artists == ("A Band",)
