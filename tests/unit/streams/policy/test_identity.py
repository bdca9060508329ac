"""The same recording under another identity, and what is no difference."""

import pytest

from streams.contract.records import Match
from streams.policy.identity import (
    Differences,
    Identity,
    differences,
    folded,
    names,
    other_identity,
)
from tests.support.events import classified, in_catalogue


@pytest.mark.parametrize(
    ("first", "second", "other"),
    [
        (("Nova",), ("NÓVA",), False),
        (("Nova feat. Ari",), ("Nova",), False),
        (("Nova & Ari",), ("Ari", "Zed"), False),
        (("The Boats",), ("boats",), False),
        (("Beyoncé",), ("Beyonce",), False),
        (("Earth, Wind & Fire",), ("Earth Wind and Fire",), False),
        (("Simon & Garfunkel",), ("Simon and Garfunkel",), False),
        (("Nova",), ("Zed",), True),
        (("Nova",), (), False),
        (("Nova",), ("...",), False),
        (("坂本龍一",), ("細野晴臣",), True),
    ],
)
def test_artists_are_others_where_no_name_is_shared(
    first: tuple[str, ...], second: tuple[str, ...], other: bool
) -> None:
    assert differences(Identity(first), Identity(second)).artist is other
    assert differences(Identity(second), Identity(first)).artist is other


def test_isrc_and_deliverer_differ_where_both_are_stated() -> None:
    first = Identity(isrc="DEA123400001", deliverer="PADPIDA1")
    assert differences(first, Identity()) == Differences()
    assert differences(first, Identity(isrc="de-a12-34-00001")) == Differences()
    same = Identity(isrc="DEA123400001", deliverer="padpida1")
    assert not differences(first, same)
    other = differences(first, Identity(isrc="DEA123400002", deliverer="PADPIDA2"))
    assert other == Differences(isrc=True) | Differences(deliverer=True)


def test_most_of_a_track_must_be_the_other_one_and_all_its_names_others() -> None:
    ours = classified(artists=("Zed",), isrc="DEA123400009", distributor="D2")
    known = {
        "T-0": [Identity(("Nova",), "DEA123400001", "D1"), Identity(("Zed",), None, "D1")],
        "T-5": [Identity(("Ari",), "DEA123400009", "D2")],
    }

    def differ(*matches: Match) -> Differences:
        return other_identity(ours.model_copy(update={"matches": matches}), known)

    part = in_catalogue("T-5", match_class="contained", overlap_s=89.0)
    assert differ() == differ(part) == differ(in_catalogue("T-9")) == Differences()
    assert differ(in_catalogue("T-0")) == Differences(isrc=True, deliverer=True)
    assert differ(in_catalogue("T-5", match_class="exact")) == Differences(artist=True)
    most = in_catalogue("T-5", match_class="sped_up", overlap_s=90.0)
    assert differ(in_catalogue("T-0"), most).words == "artist, ISRC, distributor"
    assert differ(in_catalogue("T-5", bank_kind="stay_down")) == Differences()
    assert [match.share_of(180.0) for match in (part, most)] == [0.4944, 0.5]


def test_names_are_folded() -> None:
    assert folded("  The  Ænima_2! ") == "ænima 2"
    assert names(["A x B", "C (with D)"]) == {"a x b", "a", "b", "c with d", "c", "d"}
