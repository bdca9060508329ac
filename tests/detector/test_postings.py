"""Postings: votes counted by whole arrays are the votes counted one by one."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.postings import merged, pack, promising, votes

KEYS = st.lists(st.integers(0, 40) | st.just(2**32 - 1), max_size=12, unique=True)


def keys(values: list[int]) -> np.ndarray:
    return np.array(sorted(values), np.uint32)


@given(st.lists(KEYS, max_size=8), KEYS, st.integers(1, 4))
@settings(deadline=None)
def test_votes_are_the_sizes_of_intersections(
    recordings: list[list[int]], asked: list[int], parts: int
) -> None:
    packed = [pack(keys(one), number) for number, one in enumerate(recordings)]
    spread = [merged(packed[start::parts]) for start in range(parts)]
    numbers, counts, *_ = votes(spread, keys(asked))
    expected = Counter({n: len(set(one) & set(asked)) for n, one in enumerate(recordings)})
    assert dict(zip(numbers.tolist(), counts.tolist(), strict=True)) == dict(+expected)


def test_rare_keys_weigh_more_than_common_ones() -> None:
    common = [pack(keys([1, 2, 3]), number) for number in range(500)]
    rare = [pack(keys([1, 1_000_000]), 7_000), pack(keys([2]), 8_000)]
    numbers, counts, *_ = votes([merged([*common, *rare])], keys([1, 2, 3, 1_000_000]))
    assert numbers[0] == 7_000
    assert counts[:2].tolist() == [2, 3]
    assert numbers[-1] == 8_000


def test_nothing_in_nothing() -> None:
    for parts in ([], [np.zeros(0, np.uint64)]):
        numbers, *_ = votes(parts, keys([1, 2]))
        assert len(numbers) == 0
    numbers, *_ = votes([pack(keys([1]), 0)], keys([]))
    assert len(numbers) == 0


def test_the_commonest_keys_give_way() -> None:
    """A key that a thousand recordings have costs a search nothing and hides nobody."""
    many = [pack(keys([1, 2]), number) for number in range(1_000)]
    postings = merged([*many, pack(keys([1, 2, 3]), 5_000)])
    numbers, counts, *_ = votes([postings], keys([1, 2, 3]), max_votes=1_500)
    assert numbers[0] == 5_000
    assert counts[0] == 2
    assert len(numbers) == 1_001


def test_what_chance_explains_is_not_worth_an_alignment() -> None:
    numbers = np.arange(6, dtype=np.uint32)
    counts = np.array([9, 1, 2, 5, 2, 2])
    weights = np.array([90.0, 20.0, 14.0, 13.0, 12.0, 2.0])
    assert promising(numbers, counts, weights, 13.5) == [0, 2], "one key is never enough"
    assert promising(numbers, counts, weights, 11.0) == [0, 2, 3, 4]
