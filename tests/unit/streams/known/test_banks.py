"""Banks: thresholds, roll-out, switches, audit, recognition of uploads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.contract.records import Match
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, BankError, Banks, By, described
from streams.known.index import Item, Refused, open_index
from streams.known.recognition import matches_of
from streams.media.artefacts import Acoustics
from tests.support.known_tracks import digest, item, part, score, worn

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BY = By("anna", "a test", NOW)


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[Banks]:
    with open_index(f"file://{tmp_path}/index") as index:
        made = Banks(index)
        for kind in BankKind:
            made.create(Bank(name=kind.value.replace("_", "-"), kind=kind, owner="T&S"), BY)
        yield made


def looked_up(banks: Banks, landmarks: bytes, content: str = "f" * 64, track: str = "Q-1",
              at: datetime = NOW) -> tuple[Match, ...]:  # fmt: skip
    return matches_of(track, content, Acoustics("e" * 64, landmarks), at, banks)


def test_a_match_carries_its_evidence_and_its_bank(banks: Banks) -> None:
    banks.change("registered-ai", BY, generator="Songmaker", licence="LIC-9")
    banks.add("registered-ai", [item(1, "registered-ai", note="batch 7")], BY)
    (match,) = looked_up(banks, worn(score(1), speed=1.04).to_bytes())
    assert match.match_class == "sped_up"
    assert match.bank_kind == "registered_ai"
    assert (match.generator, match.licence) == ("Songmaker", "LIC-9")
    assert match.speed_ratio == pytest.approx(1.04, abs=0.001)
    assert match.overlap_s == pytest.approx(60 / 1.04, abs=3)
    assert "played +4.0 % in tempo and +4.0 % in pitch" in match.sentence
    banks.add("registered-ai", [item(1, "registered-ai", generator="Other")], BY)
    (match,) = looked_up(banks, score(1).to_bytes())
    assert match.generator == "Other", "an item knows better than its bank"


def test_each_class_has_a_sentence_to_check_by_ear(banks: Banks) -> None:
    banks.add("stay-down", [item(1, "stay-down")], BY)
    excerpt = looked_up(banks, part(score(1), 20, 40).to_bytes())[0]
    assert excerpt.sentence.startswith(
        "20 s of this track, from 0 s on, are in T-1, on the stay-down list (stay-down), from 20 s"
    )
    whole = looked_up(banks, worn(score(1)).to_bytes())[0]
    assert whole.sentence.startswith("The same recording as T-1, on the stay-down list")
    exact = looked_up(banks, b"", digest(1))[0]
    assert exact.sentence == "The same audio as T-1, on the stay-down list (stay-down)."
    assert exact.score == 1.0


def test_a_track_is_no_match_of_itself_but_a_removed_one_is(banks: Banks) -> None:
    banks.add("catalogue", [item(1)], BY)
    banks.add("stay-down", [item(1, "stay-down")], BY)
    assert {one.bank for one in looked_up(banks, score(1).to_bytes())} == {"catalogue", "stay-down"}
    assert {one.bank for one in looked_up(banks, score(1).to_bytes(), track="T-1")} == {"stay-down"}


def test_a_share_of_the_uploads_by_content(banks: Banks) -> None:
    banks.add("catalogue", [item(1)], BY)
    banks.change("catalogue", BY, enabled_ratio=0.3)
    asked = [digest(number) for number in range(300)]
    hit = {content for content in asked if banks.get("catalogue").answers(content, NOW)}
    assert 60 < len(hit) < 120
    for content in asked[:12]:
        assert bool(looked_up(banks, score(1).to_bytes(), content)) == (content in hit)
    banks.change("catalogue", BY, enabled_ratio=0.6)
    bank = banks.get("catalogue")
    assert all(bank.answers(content, NOW) for content in hit), "who was in stays in"
    banks.change("catalogue", BY, enabled_ratio=0)
    assert looked_up(banks, score(1).to_bytes(), digest(1)) == ()


def test_a_bank_is_disabled_until_a_time(banks: Banks) -> None:
    banks.add("catalogue", [item(1)], BY)
    banks.change("catalogue", BY, disabled_until=NOW + timedelta(hours=2))
    assert looked_up(banks, score(1).to_bytes()) == ()
    assert len(looked_up(banks, score(1).to_bytes(), at=NOW + timedelta(hours=2))) == 1
    banks.change("catalogue", BY, disabled_until=None)
    assert len(looked_up(banks, score(1).to_bytes())) == 1


def test_a_bank_may_be_stricter_never_laxer(banks: Banks) -> None:
    banks.add("catalogue", [item(1)], BY)
    excerpt = part(score(1), 20, 40).to_bytes()
    assert len(looked_up(banks, excerpt)) == 1
    banks.change("catalogue", BY, min_overlap_s=30.0)
    assert looked_up(banks, excerpt) == ()
    assert len(looked_up(banks, score(1).to_bytes())) == 1
    assert len(looked_up(banks, b"", digest(1))) == 1, "equal bytes need no threshold"
    banks.change("catalogue", BY, min_overlap_s=0.0, min_score=0.99)
    assert looked_up(banks, worn(score(1)).to_bytes()) == ()


def test_every_change_is_in_the_audit_and_what_failed_is_not(banks: Banks) -> None:
    banks.add("golden", (item(seed, "golden") for seed in range(25)), BY)
    banks.remove("golden", ["T-3", "T-99"], By("ben", "wrong file", NOW))
    banks.change("golden", BY, note="for the evaluation")
    banks.change("golden", BY, note="for the evaluation")  # nothing changes, nothing is noted
    with pytest.raises(BankError):
        banks.create(Bank(name="golden", kind=BankKind.GOLDEN, owner="X"), BY)
    with pytest.raises(BankError):
        banks.add("golden", [item(1)], BY)
    lines = banks.audit("golden")
    assert [line.action for line in lines] == ["change", "remove", "add", "create"]
    assert lines[0].detail == {"note": "for the evaluation"}
    assert (lines[1].who, lines[1].why, lines[1].at) == ("ben", "wrong file", NOW)
    assert lines[1].detail == {"items": 1, "first": ["T-3"]}
    assert lines[2].detail["added"] == 25
    assert len(lines[2].detail["first"]) == 20
    assert len(banks.audit()) == len(lines) + len(BankKind) - 1
    assert banks.audit(limit=2) == lines[:2]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "Stay Down"}, "name"),
        ({"enabled_ratio": 1.5}, "enabled_ratio"),
        ({"kind": "spam"}, "kind"),
        ({"owner": ""}, "owner"),
        ({"disabled_until": "2026-01-01T00:00:00"}, "disabled_until"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_bank_is_refused_by_field(fields: dict[str, object], text: str) -> None:
    with pytest.raises(BankError, match=text):
        described({"name": "one", "kind": "golden", "owner": "T&S", **fields})


def test_names_of_items_fit_on_events(banks: Banks) -> None:
    for wrong in ("", " ", "x" * 257):
        with pytest.raises(Refused, match="item_id must have"):
            item(1, item_id=wrong)
    with pytest.raises(Refused, match="generator must have"):
        Item("golden", "T-1", digest(1), b"", 1.0, generator="")


def test_no_bank_no_question(tmp_path: Path) -> None:
    with open_index(f"file://{tmp_path}/index") as index:
        assert looked_up(Banks(index), b"never read") == ()
        with pytest.raises(BankError, match="no bank"):
            Banks(index).add("catalogue", [item(1)], BY)
