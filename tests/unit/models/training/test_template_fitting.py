"""The templates branch on observations made here: three generators, two bands of musicians."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.audio.spectra import BINS, LTAS_BANDS
from detector.errors import BadInput
from detector.evidence.clock import standard_lattice
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation, Observer
from detector.types import AudioFacts
from models.learning.data import Track
from models.learning.observations import Observed
from models.training.fusion import fuse
from models.training.scoring import Scored, score_all
from models.training.template_fitting import Lines, fit, manifest_of, out_of_fold
from models.training.train import save

GEOMETRY = Geometry(44_100)
FACTS = AudioFacts("wav", "pcm_s16le", 44_100, 2, 30.0, None, -14.0, -1.0, 0.0, 0)
FIRST_LINE = {"one": 11, "two": 11, "three": 47, "four": 83}  # two share a decoder


@lru_cache
def silence() -> Observation:
    observer = Observer(44_100)
    observer.feed(np.zeros(20 * 44_100, np.float32))
    return observer.finish()


def observed(label: str, maker: str, repository: str, seed: int) -> Observed:
    rng = np.random.default_rng(seed)
    shares = rng.random(BINS).astype(np.float32) * 0.05 + 0.05
    if label == "ai":
        lines = slice(FIRST_LINE[maker], None, 101)
        shares[lines] += 0.2 * rng.random(len(shares[lines]))
    clock = rng.standard_normal((3, GEOMETRY.bins)).astype(np.float32) - 1.5
    clock = np.minimum(clock, rng.standard_normal(GEOMETRY.bins).astype(np.float32))
    observation = replace(
        silence(),
        duration_s=20.0,
        clock=clock,
        groups=(True, True, True),
        shares=shares,
        share_frames=100,
        ltas=np.full((4, LTAS_BANDS), -40, np.float32),
        peaks=np.full(200, 0.5, np.float32),
    )
    track = Track(Path(f"{label}-{maker}-{seed}"), label, maker, repository, f"{seed:064d}")
    return Observed(track, FACTS, observation)


@pytest.fixture(scope="module")
def scored() -> list[Scored]:
    makers = [("one", "org/a"), ("two", "org/b"), ("three", "org/c"), ("four", "org/d")]
    recordings = [
        observed("ai", maker, repository, 10 * number + take)
        for number, (maker, repository) in enumerate(makers)
        for take in range(5)
    ]
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 100 + 40 * band + take)
        for band in range(4)
        for take in range(30)
    ]
    return score_all(recordings, standard_lattice())


def test_a_relative_of_a_known_generator_is_found_unseen(scored: list[Scored]) -> None:
    lines = Lines.of([one.observed for one in scored])
    scores = out_of_fold(lines)
    by_maker = {
        maker: np.median([f for f, one in zip(scores, scored, strict=True) if one.maker == maker])
        for maker in {one.maker for one in scored}
    }
    assert by_maker["one"] > 5
    assert by_maker["two"] > 5
    assert by_maker["three"] < 3  # no other shares its decoder: left out, it is unknown
    everything = fit(lines, np.ones(len(scored), bool))
    assert (
        everything.scores(everything.unit(lines.vectors[10]), "full_rate")[
            everything.names.index("three")
        ]
        > 5
    )


def test_what_stands_in_the_same_repository_is_left_out_too(scored: list[Scored]) -> None:
    moved = [
        score_all(
            [observed("ai", one.maker, "org/a", index)]
            if one.maker in ("one", "two")
            else [one.observed],
            standard_lattice(),
        )[0]
        for index, one in enumerate(scored)
    ]
    scores = out_of_fold(Lines.of([one.observed for one in moved]))
    assert np.median(scores[:10]) < 3


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
    answers = model.assess([one.observed.observation for one in scored], 0.05)
    assert {one.outcome for one in answers[:20]} == {"ai_likely"}  # now they are all known
    assert answers[10].generator == "three"
    assert fused.attribution is not None
    assert fused.attribution["known_wrong"] < 0.1
    assert sum(one.outcome == "ai_likely" for one in answers[20:]) <= 2


def test_templates_need_three_tracks(scored: list[Scored]) -> None:
    few = [one for index, one in enumerate(scored) if index >= 20 or index % 5 < 2]
    with pytest.raises(BadInput, match="three tracks"):
        fuse(few, lattice=standard_lattice())


def test_a_template_that_deliveries_draw_is_left_out_and_named() -> None:
    """A codec whose lines are those that coded human recordings show."""

    def of(label: str, maker: str, seed: int, line: str | None) -> Observed:
        recording = observed("ai" if line else "human", line or maker, f"org/{maker}", seed)
        return replace(recording, track=replace(recording.track, label=label, maker=maker))

    recordings = [of("ai", "music", take, "four") for take in range(4)]
    recordings += [of("codec", "grid", 10 + take, "one") for take in range(4)]
    people = [of("human", f"band {take % 4}", 100 + take, None) for take in range(60)]
    coded = [
        replace(of("human", f"band {take % 4}", 300 + take, "one"), delivery="vorbis-128")
        for take in range(20)
    ]
    lines = Lines.of([*recordings, *people])
    assert fit(lines, np.ones(len(lines.human), bool)).names == ("grid", "music")
    lines = Lines.of([*recordings, *people, *coded])
    template_set = fit(lines, np.ones(len(lines.human), bool))
    assert template_set.names == ("music",)
    assert manifest_of(template_set, lines, {})["left_out"] == ["grid"]
    generator = [replace(one, track=replace(one.track, label="ai")) for one in recordings[4:8]]
    lines = Lines.of([*recordings[:4], *generator, *people, *coded])
    assert "grid" in fit(lines, np.ones(len(lines.human), bool)).names  # made by itself: kept
