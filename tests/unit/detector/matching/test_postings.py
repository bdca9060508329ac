"""Postings: votes counted by whole arrays are the votes counted one by one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.matching.postings import (
    CLOSER,
    MANY,
    Asked,
    Postings,
    Votes,
    merged,
    pack,
    packed,
    votes,
)

QUADS = st.lists(st.integers(0, 40) | st.just(2**32 - 1), max_size=12, unique=True)


def keys(quads: list[int], seconds: list[int] | int = 0) -> np.ndarray:
    places = np.broadcast_to(np.array(seconds, np.uint64), len(quads))
    return np.sort((np.array(quads, np.uint64) << np.uint64(8)) | places)


def lists(*recordings: np.ndarray) -> Postings:
    return Postings.of(packed(recordings))


@given(st.lists(QUADS, max_size=8), QUADS, st.integers(1, 4))
@settings(deadline=None)
def test_votes_are_the_sizes_of_intersections(
    recordings: list[list[int]], asked: list[int], parts: int
) -> None:
    every = [pack(keys(one), number) for number, one in enumerate(recordings)]
    tally = votes([lists(*every[start::parts]) for start in range(parts)], keys(asked))
    common = {n: len(set(one) & set(asked)) for n, one in enumerate(recordings)}
    counted = dict(zip(tally.numbers.tolist(), tally.counts.tolist(), strict=True))
    assert counted == {n: count for n, count in common.items() if count >= 2}


@given(st.lists(QUADS, max_size=8), st.integers(1, 4))
@settings(deadline=None)
def test_lists_are_their_postings_however_they_are_merged(
    recordings: list[list[int]], parts: int
) -> None:
    every = [pack(keys(one, n % 256), n) for n, one in enumerate(recordings)]
    spread = [lists(*every[start::parts]) for start in range(parts)]
    slices = list(merged(spread))
    assert np.array_equal(np.concatenate(slices), packed(every))
    again = lists(*every)
    assert np.array_equal(again.slice(0, 2**32), packed(every))
    assert len(again) == sum(map(len, recordings))


def test_rare_quads_weigh_more_than_common_ones() -> None:
    common = [pack(keys([1, 2, 3]), number) for number in range(500)]
    rare = [pack(keys([1, 1_000_000]), 7_000), pack(keys([2]), 8_000)]
    tally = votes([lists(*common, *rare)], keys([1, 2, 3, 1_000_000]))
    assert tally.numbers[0] == 7_000
    assert tally.counts[:2].tolist() == [2, 3]
    assert 8_000 not in tally.numbers, "one quad is never enough"


def test_a_quad_that_comes_again_counts_once() -> None:
    again = pack(keys([1, 1, 1, 2], [3, 70, 140, 9]), 5)
    tally = votes([lists(again)], keys([1, 2, 2, 3]))
    assert (tally.numbers.tolist(), tally.counts.tolist()) == ([5], [2])


def test_nothing_in_nothing() -> None:
    for parts in ([], [lists()]):
        assert votes(parts, keys([1, 2])).promising() == []
    assert votes([lists(pack(keys([1]), 0))], keys([])).promising() == []


def test_the_commonest_quads_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quad that a thousand recordings have costs a search nothing and hides no recording."""
    monkeypatch.setattr("detector.matching.postings.MAX_VOTES", 1_500)
    many = [pack(keys([1, 2]), number) for number in range(1_000)]
    tally = votes([lists(*many, pack(keys([1, 3, 4]), 5_000))], keys([1, 2, 3, 4]))
    assert tally.numbers.tolist() == [5_000]
    assert tally.counts.tolist() == [2], "the commonest of its three was not read"


def test_a_match_lies_in_line_at_another_speed_and_a_stranger_does_not() -> None:
    rng = np.random.default_rng(1)
    quads = list(range(40))
    query = keys(quads, there := sorted(rng.integers(0, 150, 40).tolist()))
    faster = pack(keys(quads[:12], [int(20 + second / 1.06) for second in there[:12]]), 1)
    strangers = [
        pack(keys(quads[:12], rng.integers(0, 150, 12).tolist()), number) for number in range(2, 60)
    ]
    tally = votes([lists(faster, *strangers)], query)
    in_line = dict(zip(tally.numbers.tolist(), tally.in_line.tolist(), strict=True))
    assert in_line[1] == 12
    assert tally.promising()[0] == 1
    assert len(tally.promising()) <= 5


def test_what_chance_explains_is_not_worth_an_alignment() -> None:
    result = Votes(
        numbers=np.arange(5, dtype=np.uint32),
        counts=np.array([9, 160, 5, 5, 5]),
        weights=np.array([90.0, 80.0, 40.0, 40.0, 40.0]),
        in_line=np.array([3, 12, 4, 2, 1]),
        held=1e6,
    )
    assert result.promising() == [2, 0], "what one in eight of many have in line is chance"
    among_few = Votes(result.numbers, result.counts, result.weights, result.in_line, 1e3)
    assert among_few.promising() == [1, 2, 0], "the heaviest are looked at anyway"


def test_among_very_many_those_with_three_in_common_are_found() -> None:
    """What shares a slot of the counting table with others is not taken for them."""
    rng = np.random.default_rng(3)
    which = np.sort(rng.integers(0, 60, 150_000))
    entries = rng.integers(0, 400_000, len(which)).astype(np.uint32) << np.uint32(8)
    asked = Asked.of(keys(list(range(60))))
    total = asked.count(entries, which, np.bincount(which), held=2.0 * MANY)
    both = np.unique(np.stack((entries >> np.uint32(8), which)), axis=1)
    common = Counter(both[0].tolist())
    assert sum(count >= 3 for count in common.values()) > CLOSER == len(total.numbers)
    assert min(total.counts) >= 3
    for number, count in zip(total.numbers.tolist(), total.counts.tolist(), strict=True):
        assert count == common[number]
