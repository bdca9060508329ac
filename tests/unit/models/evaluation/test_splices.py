from math import inf
from pathlib import Path

import numpy as np
import pytest

from detector.evidence.clock import standard_lattice
from detector.evidence.localization import find_parts
from detector.types import Assessment, SegmentScore
from models.evaluation import splices
from models.evaluation.splices import Located, Splice, choose, overlap, table
from models.learning.data import Track
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training import augmentation_cache


def track(label: str, maker: str, number: int = 0, path: Path | None = None) -> Track:
    name = f"{label}-{maker}-{number}"
    return Track(path or Path(name), label, maker, f"org/{maker}", name)


def test_each_generator_and_each_length_gets_its_parts() -> None:
    tracks = [(track("human", "band", n), 200.0) for n in range(3)]
    tracks += [(track("human", "other", 0), 20.0), (track("ai", "short", 0), 18.0)]
    tracks += [(track("ai", "long", n), 70.0) for n in range(5)]
    chosen = choose(tracks, 2, seed=1)
    assert chosen == choose(tracks, 2, seed=1)
    counted = {
        (one.part.maker, one.seconds): sum(
            other.part.maker == one.part.maker and other.seconds == one.seconds for other in chosen
        )
        for one in chosen
    }
    assert counted == {
        ("long", 15): 2, ("long", 30): 2, ("long", 60): 2, ("short", 15): 1, ("other", 15): 1,
    }  # fmt: skip
    assert all(one.around.maker == "band" for one in chosen)  # two minutes, never its own source
    assert choose(tracks[3:], 2, seed=1) == []


def test_a_part_is_put_where_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(splices, "AROUND_S", 24.0)
    write_audio(tmp_path / "host.wav", render(71, 49.0))
    write_audio(tmp_path / "part.wav", decode_through(render(72, 22.0), RATE_HZ, (7, 7, 6, 3), 1))
    splice = Splice(
        track("human", "band", path=tmp_path / "host.wav"),
        track("ai", "decoder", path=tmp_path / "part.wav"),
        20,
    )
    augmentation_cache.fill_cache([splice], tmp_path / "cells", 1)
    ((case, observation),) = augmentation_cache.observations_of(splice, tmp_path / "cells")
    assert case.cell == "20 s"
    assert observation.duration_s == pytest.approx(66.0, abs=0.1)
    parts = find_parts(observation, standard_lattice(), -inf)
    assert parts.rate.hz == 50.0
    assert overlap(parts.segments, *splice.edges_s) > 0.6
    located = Located(splice, answer("suspected", "Partly"), parts.segments)
    assert located.edge_error_s < 3.0


def answer(outcome: str, extent: str) -> Assessment:
    return Assessment(outcome, None, 1.0, 0.9, 0.01, extent, None, (), None, ())


def test_finds_and_false_alarms_are_counted() -> None:
    ai = Splice(track("human", "band"), track("ai", "decoder"), 30)
    human = Splice(track("human", "band"), track("human", "other"), 30)
    start_s, end_s = ai.edges_s
    right = (SegmentScore(start_s, end_s, 5.0),)
    late = (SegmentScore(start_s + 10, end_s + 10, 5.0),)
    (row,) = table(
        [
            Located(ai, answer("suspected", "Partly"), right),
            Located(ai, answer("suspected", "All"), late),
            Located(ai, answer("uncertain", "Unknown"), ()),
            Located(human, answer("no_trace", "None"), ()),
            Located(human, answer("suspected", "All"), late),
        ]
    )
    assert row["found"] == pytest.approx(2 / 3, abs=1e-3)
    assert (row["called_partly"], row["overlap_half"], row["false"]) == (0.5, 0.5, 0.5)
    assert row["edge_error_s"] == 5.0


def test_overlap_is_intersection_over_union() -> None:
    assert overlap([SegmentScore(0, 10, 1)], 5, 15) == pytest.approx(1 / 3)
    assert overlap([SegmentScore(0, 10, 1), SegmentScore(20, 30, 1)], 5, 15) == pytest.approx(0.2)
    assert overlap([], 5, 15) == 0


def test_loudness_is_that_of_the_host() -> None:
    host = 0.1 * np.random.default_rng(1).standard_normal((2, 130 * 100)).astype(np.float32)
    joined = splices.joined(host, 10 * host[:, :3_000], 100, 20)[0]
    assert joined[6_100:7_500].std() == pytest.approx(joined[:5_000].std(), rel=0.1)
    assert len(joined) == (120 + 20 - 2) * 100
