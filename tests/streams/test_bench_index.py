"""``earmark bench index``, small: all is found, nothing else is, the figures are there."""

from pathlib import Path

import numpy as np

from streams.bench.index import FLAT, UNIVERSE, _drawn, bench_index


def test_a_small_index(tmp_path: Path) -> None:
    report = bench_index(tmp_path / "index", 300, searches=10)
    said = report.data()
    for name in ("reencoded", "excerpt_15s", "speed_4", "speed_8_excerpt_30s", "stretched"):
        assert said[f"recall_{name}"] >= 0.9, name
        assert said[f"false_{name}"] == 0, name
        assert said[f"p99_ms_{name}"] > 0
    assert said["false_of_nothing"] == 0
    assert said["postings"] > 300 * 200
    assert 2_000 < said["bytes_per_track"] < 20_000
    assert said["open_and_first_search_s"] > 0


def test_simulated_keys_are_spread_as_real_ones() -> None:
    """Two real recordings share one of 25,000 pairs of keys; see the module."""
    rng = np.random.default_rng(1)
    drawn = [np.unique(_drawn(rng) >> np.uint64(8)) for _ in range(60)]
    common = sum(
        len(np.intersect1d(a, b)) / (len(a) * len(b))
        for number, a in enumerate(drawn)
        for b in drawn[:number]
    ) / (60 * 59 / 2)
    assert 1 / 35_000 < common < 1 / 18_000
    assert len(np.unique(np.concatenate(drawn))) < UNIVERSE
    assert FLAT > 0
