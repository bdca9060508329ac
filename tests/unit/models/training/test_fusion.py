"""All branches as one score, with the null of the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.errors import BadInput
from detector.evidence.clock import standard_lattice
from detector.types import Rates
from models.training.fusion import fuse
from models.training.scoring import Scored, score_all
from models.training.train import save
from tests.support.makers import observed
from tests.support.relatives import relatives


def test_deliveries_are_witnesses_and_no_subjects() -> None:
    recordings = [
        observed("ai", f"maker {maker}", f"org/{maker}", 10 * maker + take, clock_hz=50.0)
        for maker in range(2)
        for take in range(3)
    ]
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 1_000 + 100 * band + take)
        for band in range(3)
        for take in range(8)
    ]
    coded = [
        replace(observed("human", "x", "x", 9_000 + index), track=one.track, delivery="mp3-128")
        for index, one in enumerate(recordings[6:])
    ]
    lattice = standard_lattice()
    scored = score_all(recordings, lattice)
    alone = fuse(scored, lattice=lattice, branches=("clock",))
    fused = fuse(scored, (), coded, lattice=lattice, branches=("clock",))
    null = fused.nulls["full_rate"]
    assert len(fused.scored) == len(alone.scored) == 30
    assert (len(null.witnesses), null.calibration.humans.performances) == (48, 24)
    assert len(alone.nulls["full_rate"].witnesses) == 24
    assert all(one.p == pytest.approx(1 / 25) for one in fused.scored[:6])


@pytest.fixture(scope="module")
def scored() -> list[Scored]:
    return relatives()


def test_fusion_finds_what_the_clock_misses(scored: list[Scored], tmp_path: Path) -> None:
    fused = fuse(scored, lattice=standard_lattice())
    human = [one.score for one in fused.scored if not one.is_ai]
    relatives = [one.score for one in fused.scored if one.maker in ("one", "two")]
    assert np.median(human) == pytest.approx(np.log(2), abs=0.3)  # one in two
    assert min(relatives) > max(human)
    assert [one.clock for one in fused.scored] == [one.score for one in scored]
    trained = save(fused, [], tmp_path / "m", name="m", version="1", seed=0)
    model = Model.load(tmp_path / "m")
    assert model.digest == trained.digest
    answers = model.assess([one.observed.observation for one in scored], Rates(0.05))
    assert {one.outcome for one in answers[:20]} == {"suspected"}  # now they are all known
    assert answers[10].generator == "three"
    assert fused.attribution is not None
    assert fused.attribution["known_wrong"] < 0.1
    assert sum(one.outcome == "suspected" for one in answers[20:]) <= 2


def test_templates_need_three_tracks(scored: list[Scored]) -> None:
    few = [one for index, one in enumerate(scored) if index >= 20 or index % 5 < 2]
    with pytest.raises(BadInput, match="three tracks"):
        fuse(few, lattice=standard_lattice())
