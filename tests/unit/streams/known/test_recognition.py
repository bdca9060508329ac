"""Recognition of uploads: a match with its evidence, in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from detector.matching.landmarks import with_sides
from detector.observation.listen import listen
from detector.types import SIDES
from models.synthesis.music import RATE_HZ, render
from streams.known.banks import BankError, Banks
from streams.known.index import Item, open_index
from tests.support.audio import write_wav
from tests.support.known_banks import BY, looked_up
from tests.support.known_tracks import digest, item, part, score, worn
from tests.support.links import encoded


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


def behind(mix: bytes, *sides: bytes) -> bytes:
    return with_sides(mix, dict(zip(SIDES, sides, strict=True)))


def test_a_known_track_on_one_side_is_found_and_the_side_is_named(banks: Banks) -> None:
    banks.add("stay-down", [item(seed, "stay-down") for seed in (1, 2, 3)], BY)
    mix, sides = score(9), [score(1), score(2), score(8)]
    landmarks = behind(mix.to_bytes(), *(one.to_bytes() for one in sides))
    matches = {one.item_id: one.sentence for one in looked_up(banks, landmarks)}
    assert matches.keys() == {"T-1", "T-2"}
    assert matches["T-1"].startswith("In the left channel: The same recording as T-1")
    assert matches["T-2"].startswith("In the right channel: The same recording as T-2")


def test_what_the_mix_and_a_side_show_is_one_match_the_better_one(banks: Banks) -> None:
    banks.add("stay-down", [item(1, "stay-down")], BY)
    whole, less, none = (
        score(1).to_bytes(),
        worn(score(1), lost=0.3).to_bytes(),
        score(8).to_bytes(),
    )
    (match,) = looked_up(banks, behind(whole, less, none, none))
    assert match.sentence.startswith("The same recording")
    (match,) = looked_up(banks, behind(less, none, none, whole))
    assert match.sentence.startswith("In what differs between the channels: The same recording")
    (match,) = looked_up(banks, behind(less, none, whole, none), digest(1))
    assert match.sentence == "The same audio as T-1, on the stay-down list (stay-down)."


@pytest.mark.parametrize(
    ("mixed", "sentences"),
    [
        ("apart", {"K-1": "In the left channel: ", "K-2": "In the right channel: "}),
        ("opposite", {"K-1": ""}),
        ("below", {"K-1": "In what differs between the channels: "}),
        ("rear", {"K-1": "In channel 3: "}),
    ],
)
def test_a_known_track_is_found_however_channels_hide_it(
    banks: Banks, mixed: str, sentences: dict[str, str], tmp_path: Path
) -> None:
    pieces = (render(seed, 15.0).mean(axis=0) for seed in (1, 2))
    first, second = (0.1 * one / one.std() for one in pieces)
    sides = {
        "apart": (first, second),
        "opposite": (first, -first),
        "below": (first + second, second - first),
        "rear": (second, second, first, -first),
    }[mixed]
    data = encoded([np.stack(sides)], "pcm_s16le", "wav", RATE_HZ)
    (tmp_path / "upload.wav").write_bytes(data)
    for number, samples in enumerate((first, second), 1):
        write_wav(tmp_path / "known.wav", samples[None], RATE_HZ)
        known = listen(tmp_path / "known.wav", max_duration_s=60)
        if number == 1 or mixed == "apart":
            named = Item.of("stay-down", f"K-{number}", digest(number), known.landmarks)
            banks.add("stay-down", [named], BY)
    upload = listen(tmp_path / "upload.wav", max_duration_s=60)
    matches = {one.item_id: one.sentence for one in looked_up(banks, upload.landmarks)}
    assert matches.keys() == sentences.keys()
    for name, start in sentences.items():
        assert matches[name].startswith(f"{start}The same recording as {name}")
