"""The templates branch on observations made here: three generators, two bands of musicians."""

from dataclasses import replace

import numpy as np
import pytest

from detector.evidence.clock import standard_lattice
from models.learning.observations import Observed
from models.training.scoring import Scored, score_all
from models.training.template_fitting import Lines, fit, manifest_of, out_of_fold
from tests.support.relatives import observed, relatives


@pytest.fixture(scope="module")
def scored() -> list[Scored]:
    return relatives()


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
