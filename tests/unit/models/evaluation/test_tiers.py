"""Both tiers on made-up generators: what is left out is not known, what is known is found."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from detector.assessment.model import MANIFEST, Model
from detector.evidence.clock import standard_lattice
from models.evaluation import tiers
from models.learning.data import Track
from models.training.fusion import fuse
from models.training.train import save
from tests.support.relatives import relatives


def track(maker: str, repository: str, number: int, label: str = "ai") -> Track:
    return Track(Path(f"{number}"), label, maker, repository, f"{number:064d}")


TRACKS = [
    *(track("both places", f"org/{n % 2}", n) for n in range(6)),
    *(track("nearly one place", "org/1", 10 + n) for n in range(3)),
    track("nearly one place", "org/2", 13),
]


def test_a_known_generator_is_judged_without_the_tracks_and_their_repository() -> None:
    folds = list(tiers.known_folds(TRACKS))
    judged = np.array([fold.judged for fold in folds])
    left_out = np.array([fold.left_out for fold in folds])
    assert judged.sum(axis=0).tolist() == [1] * 10
    assert not (judged & ~left_out).any()
    assert np.flatnonzero(left_out[1]).tolist() == [1, 3, 5, 6, 7, 8]  # all of org/1
    assert np.flatnonzero(judged[1]).tolist() == [1, 3, 5]
    # The other place has one track, too few to know a generator by: its neighbours stay known.
    assert [np.flatnonzero(fold.left_out).tolist() for fold in folds[3:]] == [[6], [7], [8]]


def test_of_an_unseen_generator_nothing_is_known_nor_of_its_neighbours() -> None:
    codec = track("codec", "org/0", 20, "codec")
    band = track("band", "org/0", 21, "human")
    both, single = tiers.unseen_folds(TRACKS, [*TRACKS, codec, band])
    assert np.flatnonzero(~both.left_out).tolist() == [9]
    assert both.forgotten == {"both places", "nearly one place", "codec"}
    assert np.flatnonzero(~single.left_out).tolist() == [0, 2, 4]
    assert single.forgotten == {"both places", "nearly one place"}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    scored = relatives()
    lattice = standard_lattice()
    fused = fuse(scored, lattice=lattice)
    folder = tmp_path_factory.mktemp("models") / "m"
    save(fused, [], folder, name="m", version="1", seed=0)
    observed = [one.observed for one in scored]
    return tiers.figures_of(
        Model.load(folder),
        orjson.loads((folder / MANIFEST).read_bytes())["figures"]["full_rate"],
        observed,
        [one.track for one in observed],
    )


def test_what_is_known_is_found_and_what_shares_no_decoder_is_not(figures: dict[str, Any]) -> None:
    rows = figures["generators"]
    assert rows["three"]["known"]["suspected"] == 5
    assert rows["three"]["unseen"]["suspected"] == 0
    assert rows["one"]["unseen"]["suspected"] == 5  # another generator has its decoder
    assert rows["three"]["unseen"]["no_trace"] > 0
    assert rows["three"]["known"]["identified"] == 0  # lines alone are one witness
    assert figures["all"]["known"]["tracks"] == 20
    assert figures["all"]["known"]["origins"] == 4
    assert figures["learned_of"] == {"ai": 20, "human": 120}


def test_what_is_asked_for_is_of_the_tracks_that_there_are(figures: dict[str, Any]) -> None:
    rows = {row["title"]: row for row in figures["asked"]}
    assert list(rows) == ["people's music", "generators never seen"]
    unseen = rows["generators never seen"]
    assert unseen["suspected"] == figures["all"]["unseen"]["suspected"]
    assert unseen["asked"] == {"suspected": 0.8, "identified": None}
    assert rows["people's music"]["tracks"] == 120
    assert rows["people's music"]["origins"] == 4


def test_people_are_counted_as_the_release_counted_them() -> None:
    described = {
        "kinds": {
            "chiptune": {
                "recordings": 40,
                "origins": 4,
                "suspected_at_1": 0,
                "by_origin": 0.0,
                "identified_at_01": 0,
            },
            "electronic": {
                "recordings": 60,
                "origins": 1,
                "suspected_at_1": 3,
                "by_origin": 0.05,
                "identified_at_01": 1,
            },
        },
        "human_sources": {
            "a": {"tracks": 50, "flagged_at_1": 0.02, "identified_at_01": 0.0, "abstained": 2},
            "b": {"tracks": 30, "flagged_at_1": 0.0333, "identified_at_01": 0.0333, "abstained": 0},
        },
    }
    both = tiers.people(described, ("chiptune", "electronic"), 0)
    assert (both["tracks"], both["suspected"], both["identified"]) == (100, 3, 1)
    assert both["suspected_mean"] == 0.01
    assert both["suspected_interval"] == tiers.exact(3, 100)
    everyone = tiers.people(described, (), 0)
    assert (everyone["tracks"], everyone["suspected"], everyone["identified"]) == (80, 2, 1)
    assert everyone["abstained"] == 2


def test_intervals_resample_origins_and_never_have_no_width() -> None:
    flags = np.array([True] * 10 + [False] * 10)
    apart = tiers.interval(flags, ["a"] * 10 + ["b"] * 10, 0)
    mixed = tiers.interval(flags, [f"{n}" for n in range(20)], 0)
    assert apart == [0.0, 1.0]
    assert 0.2 < mixed[0] < 0.5 < mixed[1] < 0.8
    assert tiers.interval(np.zeros(20, bool), ["a"] * 20, 0) == tiers.exact(0, 20)
    assert tiers.exact(0, 20)[1] == pytest.approx(0.168, abs=0.001)
