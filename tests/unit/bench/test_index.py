"""``earmark bench index``, small: all is found, nothing else is, the figures are there."""

from pathlib import Path

import numpy as np

from streams.known.index import open_index
from tests.bench.index import FLAT, UNIVERSE, _drawn, bench_index


def test_a_small_index(tmp_path: Path) -> None:
    report = bench_index(tmp_path / "index", 200, searches=10)
    answer = report.data()
    for name in ("reencoded", "excerpt_15s", "speed_4", "speed_8_excerpt_30s", "stretched"):
        assert answer[f"recall_{name}"] >= 0.9, name
        assert answer[f"false_{name}"] == 0, name
        assert answer[f"p99_ms_{name}"] > 0
    assert answer["false_of_nothing"] == 0
    assert answer["postings"] > 200 * 200
    assert 2_000 < answer["bytes_per_track"] < 20_000
    assert answer["open_and_first_search_s"] > 0
    assert answer["build_s"] > 0


def test_an_index_grows_and_is_the_same_as_one_built_at_once(tmp_path: Path) -> None:
    bench_index(tmp_path / "one", 40, searches=5)
    grown = bench_index(tmp_path / "one", 80, searches=5).data()
    assert (grown["tracks"], grown["recall_reencoded"]) == (80, 1)
    bench_index(tmp_path / "other", 80, searches=5)
    with (
        open_index(f"file://{tmp_path}/one") as item,
        open_index(f"file://{tmp_path}/other") as two,
    ):
        assert list(item.items()) == list(two.items())
        assert item.stats().postings == two.stats().postings
    as_it_is = bench_index(tmp_path / "one", 30, searches=5).data()
    assert (as_it_is["tracks"], "build_s" in as_it_is) == (80, False)


def test_simulated_keys_are_spread_as_real_ones() -> None:
    """Two real recordings share one of 25,000 pairs of keys; see the module."""
    rng = np.random.default_rng(1)
    drawn = [np.unique(keys >> np.uint64(8)) for keys in _drawn(rng, 60)]
    common = sum(
        len(np.intersect1d(a, b)) / (len(a) * len(b))
        for number, a in enumerate(drawn)
        for b in drawn[:number]
    ) / (60 * 59 / 2)
    assert 1 / 35_000 < common < 1 / 18_000
    assert len(np.unique(np.concatenate(drawn))) < UNIVERSE
    assert FLAT > 0
