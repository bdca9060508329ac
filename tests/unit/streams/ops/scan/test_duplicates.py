"""Duplicates of a scan: groups by what joins them."""

from streams.ops.scan.duplicates import grouped
from streams.ops.scan.track import Track
from streams.store.scan_state import Pair
from tests.support.scanned import listing, reading


def test_a_chain_of_matches_is_one_group_by_its_weakest_class() -> None:
    tracks = [Track.of(listing(f"{name}.wav"), reading(name)) for name in "abcdef"]
    by_content = {track.content or "": [track] for track in tracks}
    exact, sped = (("a", "b", "exact"), ("d", "c", "exact")), ("b", "c", "sped_up")
    pairs = [Pair(one * 64, other * 64, kind, 60.0) for one, other, kind in (*exact, sped)]
    for order in (pairs, pairs[::-1]):
        (group,) = grouped(by_content, order)
        assert [track.path[-5] for track in group.tracks] == list("abcd")
        assert (group.match_class, bool(group.differ)) == ("sped_up", False)
