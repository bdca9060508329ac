"""Postings: which recordings have which index keys; the search behind every index.

One array, sorted, of 64-bit numbers: key in the upper half, recording in the lower. It may
lie in memory or be mapped from a file; a search touches only what it needs.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.uint64]
MAX_VOTES: Final = 400_000
"""Postings read for one search: the commonest keys of a query give way."""


def pack(keys: NDArray[np.uint32], number: int) -> Packed:
    """Return the postings of one recording (its keys sorted)."""
    return (keys.astype(np.uint64) << np.uint64(32)) | np.uint64(number)


def merged(parts: Iterable[Packed]) -> Packed:
    """Return all postings of several arrays, sorted."""
    together = np.concatenate([np.zeros(0, np.uint64), *parts])
    together.sort()
    return together


def votes(
    parts: Sequence[Packed], keys: NDArray[np.uint32], max_votes: int = MAX_VOTES
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the recordings that share keys with a query, and how many; most first.

    Where the keys' lists are longer together than ``max_votes``, the longest are left out:
    what is in everything tells nothing apart.
    """
    wanted = keys.astype(np.uint64) << np.uint64(32)
    ranges = [
        (
            np.searchsorted(part, wanted),
            np.searchsorted(part, wanted + np.uint64(2**32 - 1), "right"),
        )
        for part in parts
    ]
    lengths = sum((high - low for low, high in ranges), np.zeros(len(keys), np.int64))
    order = np.argsort(lengths, kind="stable")
    asked = np.sort(order[np.cumsum(lengths[order]) <= max_votes])
    found = [
        _numbers(part, low[asked], high[asked])
        for part, (low, high) in zip(parts, ranges, strict=True)
    ]
    numbers, counts = np.unique(
        np.concatenate([np.zeros(0, np.uint32), *found]), return_counts=True
    )
    by_votes = np.lexsort((numbers, -counts))
    return numbers[by_votes], counts[by_votes]


def _numbers(part: Packed, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the recordings of several ranges, without a loop over them."""
    count = high - low
    total = int(count.sum())
    places = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(total)
    numbers: NDArray[np.uint32] = part[places].astype(np.uint32)
    return numbers
