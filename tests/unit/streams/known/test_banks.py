"""Banks: thresholds, roll-out, switches, audit."""

from datetime import timedelta

import pytest

from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, BankError, Banks, By, described
from tests.support.known_banks import BY, NOW, looked_up
from tests.support.known_tracks import digest, item, part, score, worn


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
