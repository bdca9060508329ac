from functools import lru_cache

import numpy as np
import pytest

from detector.evidence.clock import standard_lattice
from detector.evidence.localization import Parts, best_window, find_parts
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through

LATTICE = standard_lattice()
BAR = 3.5  # about 3 % of human tracks have a window as high


def observe(samples: FloatArray) -> Observation:
    observer = Observer(RATE_HZ)
    observer.feed(samples)
    return Observation.from_bytes(observer.finish().to_bytes())


def spliced(*parts: FloatArray) -> tuple[FloatArray, list[float]]:
    """Join mono parts of equal loudness by crossfades of 1 s; return the middles of those."""
    fade = np.sqrt(np.linspace(0, 1, RATE_HZ, dtype=np.float32))
    out, edges = parts[0] / parts[0].std(), []
    for part in parts[1:]:
        level = part / part.std()
        both = out[-RATE_HZ:] * fade[::-1] + level[:RATE_HZ] * fade
        edges.append((len(out) - RATE_HZ / 2) / RATE_HZ)
        out = np.concatenate((out[:-RATE_HZ], both, level[RATE_HZ:]))
    return out * np.float32(0.1), edges


@lru_cache
def played(seed: int, seconds: float) -> FloatArray:
    mono: FloatArray = render(seed, seconds).mean(axis=0)
    return mono


def decoded(seed: int, seconds: float) -> FloatArray:
    decoded: FloatArray = decode_through(
        played(seed, seconds)[None], RATE_HZ, (7, 7, 6, 3), seed=4
    )[0]
    return decoded


def parts_of(samples: FloatArray) -> Parts:
    return find_parts(observe(samples), LATTICE, BAR)


@pytest.mark.parametrize(("seconds", "tolerance"), [(20.0, 3.0), (30.0, 2.5), (50.0, 2.5)])
def test_a_part_is_found_where_it_is(seconds: float, tolerance: float) -> None:
    samples, edges = spliced(played(21, 50.0), decoded(22, seconds), played(23, 50.0))
    parts = parts_of(samples)
    assert parts.extent == "Partly"
    assert parts.rate.hz == 50.0
    (part,) = parts.segments
    assert (part.start_s, part.end_s) == pytest.approx(edges, abs=tolerance)
    assert parts.coverage == pytest.approx(seconds / (98 + seconds), abs=0.06)


def test_two_parts_are_two_stretches() -> None:
    samples, edges = spliced(
        decoded(22, 30.0), played(21, 50.0), decoded(24, 30.0), played(23, 40.0)
    )
    first, second = parts_of(samples).segments
    assert first.start_s == 0.0  # the edge of the track is the edge of the part
    assert [first.end_s, second.start_s, second.end_s] == pytest.approx(edges, abs=3.5)


def test_a_track_from_end_to_end_is_all() -> None:
    parts = parts_of(decoded(22, 50.0))
    assert (parts.extent, parts.coverage) == ("All", 1.0)
    assert [(part.start_s, part.end_s) for part in parts.segments] == [(0.0, 50.0)]


def test_what_people_play_has_no_parts() -> None:
    samples, _ = spliced(played(21, 50.0), played(23, 50.0))
    parts = parts_of(samples)
    assert parts.score < 2
    assert (parts.extent, parts.segments, parts.coverage) == ("None", (), 0.0)


@pytest.mark.parametrize("seconds", [0.5, 7.0, 13.0])
def test_short_tracks_are_one_window_or_none(seconds: float) -> None:
    parts = parts_of(decoded(22, 50.0)[: int(seconds * RATE_HZ)])
    assert parts.extent == ("None" if seconds < 1 else "All")
    assert all(0 <= part.start_s < part.end_s <= seconds for part in parts.segments)


def test_only_plausible_rates_are_looked_at() -> None:
    _, rate, _ = best_window(observe(decoded(22, 30.0)), LATTICE)
    assert rate.penalty == 0
