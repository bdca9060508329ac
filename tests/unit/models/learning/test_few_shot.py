"""A candidate that was taught: as a folder, and beside its base."""

from pathlib import Path

from detector.types import Rates
from models.learning.few_shot import compare, write_candidate
from models.learning.few_shot_learning import learn
from tests.support.taught import loaded, tracks


def test_a_candidate_is_written_and_answers_alike(folder: Path, tmp_path: Path) -> None:
    model, references = loaded(folder)
    shots = list(tracks("new", 4, 600))
    learned_generator = learn("new", shots, (), model, references)
    rows = compare("new", shots, (), model, references, learned_generator)
    assert (rows[0].tracks, rows[0].after) == (4, 4)
    assert rows[-1].after <= rows[-1].before + 3
    out = tmp_path / "one" / "taught"
    digests = {write_candidate(learned_generator, folder, out, rows) for _ in range(2)}
    card = (out / "CARD.md").read_text()
    assert f"| new | tracks of new | 4 | {rows[0].before} | 4 |" in card
    assert "- new: one source and no controls" in card
    written, again = loaded(tmp_path / "one" / "taught")
    assert digests == {written.digest}
    assert (written.name, [one.name for one in written.learned]) == ("taught", ["new"])
    unseen = tracks("new", 6, 700)
    assert written.assess(unseen, Rates()) == learned_generator.model.assess(unseen, Rates())
    further = learn("newer", list(tracks("newer", 3, 650, 61)), (), written, again)
    assert [one.name for one in further.model.learned] == ["new", "newer"]
