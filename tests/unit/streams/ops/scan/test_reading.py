"""What a scan compares: each recording with those before it."""

from pathlib import Path

from streams.known.index import open_index
from streams.media.artefacts import Acoustics
from streams.ops.scan.reading import _compared
from streams.store.scan_state import Pair
from tests.support.known_tracks import part, score, worn


def test_a_recording_is_compared_once_with_each_before_it(tmp_path: Path) -> None:
    first, other = score(1), score(2)
    tracks = {
        "a": first,
        "b": other,
        "c": worn(first, 3),
        "d": part(first, 10, 40),
        "e": part(other, 0, 2),  # too short to be compared
    }
    with open_index(f"file://{tmp_path}/index") as index:
        pairs = {
            name: list(_compared(index, name * 64, Acoustics("0" * 64, item.to_bytes())))
            if name in "ad"
            else list(_compared(index, name * 64, Acoustics(name * 64, item.to_bytes())))
            for name, item in tracks.items()
        }
        assert index.stats().items == {"scan": 4}
        again = list(_compared(index, "c" * 64, Acoustics("c" * 64, tracks["c"].to_bytes())))
        damaged = list(_compared(index, "f" * 64, Acoustics("f" * 64, b"no landmarks")))
    assert (pairs["a"], pairs["b"], pairs["e"], damaged) == ([], [], [], [])
    assert pairs["c"] == [Pair("a" * 64, "c" * 64, "near_duplicate", pairs["c"][0].overlap_s)]
    # equal samples by their digest, and a part of the worn copy
    assert {(pair.first[0], pair.match_class) for pair in pairs["d"]} == {
        ("a", "exact"),
        ("c", "contained"),
    }
    assert {pair.first[0] for pair in again} | {pair.second[0] for pair in again} == {"a", "c", "d"}
