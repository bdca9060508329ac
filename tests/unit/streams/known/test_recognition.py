"""Recognition of uploads: a match with its evidence, in a sentence."""

from pathlib import Path

import pytest

from streams.known.banks import BankError, Banks
from streams.known.index import open_index
from tests.support.known_banks import BY, looked_up
from tests.support.known_tracks import digest, item, part, score, worn


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


def test_no_bank_no_question(tmp_path: Path) -> None:
    with open_index(f"file://{tmp_path}/index") as index:
        assert looked_up(Banks(index), b"never read") == ()
        with pytest.raises(BankError, match="no bank"):
            Banks(index).add("catalogue", [item(1)], BY)
