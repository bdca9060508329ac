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


MIN_KEYS: Final = 2
ALWAYS: Final = 3
DEVIATIONS: Final = 5.0
KEYS_OF_A_RECORDING: Final = 300
"""About; only the logarithm of how many recordings there are is needed."""


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
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.float64], float]:
    """Return the recordings that share keys with a query, how many, and their weight in bits.

    The heaviest come first. The weight is how unlikely it is that another recording shares
    those keys: one that a thousandth has weighs ten bits, one that half of all have weighs one.
    Where the keys' lists are longer together than ``max_votes``, the longest are left out. Last
    comes the weight that chance explains: mean and five deviations of an unrelated recording.
    """
    wanted = keys.astype(np.uint64) << np.uint64(32)
    last = wanted + np.uint64(2**32 - 1)
    ranges = [
        (np.searchsorted(part, wanted), np.searchsorted(part, last, "right")) for part in parts
    ]
    lengths = sum((high - low for low, high in ranges), np.zeros(len(keys), np.int64))
    order = np.argsort(lengths, kind="stable")
    asked = np.sort(order[np.cumsum(lengths[order]) <= max_votes])
    held = 1 + sum(map(len, parts)) / KEYS_OF_A_RECORDING
    bits = np.log2(1 + held / np.maximum(lengths, 1)).astype(np.float32)
    share = lengths[asked] / held
    by_chance = explained(
        float(share @ bits[asked]), float(share @ np.square(bits[asked], dtype=np.float64))
    )
    found = [
        _numbers(part, low[asked], high[asked])
        for part, (low, high) in zip(parts, ranges, strict=True)
    ]
    weights = [np.repeat(bits[asked], (high - low)[asked]) for low, high in ranges]
    numbers, which, counts = np.unique(
        np.concatenate([np.zeros(0, np.uint32), *found]), return_inverse=True, return_counts=True
    )
    weight: NDArray[np.float64] = np.bincount(
        which, np.concatenate([np.zeros(0, np.float32), *weights]), minlength=len(numbers)
    ).astype(np.float64)
    likeliest = np.lexsort((numbers, -weight))
    return numbers[likeliest], counts[likeliest], weight[likeliest], by_chance


def explained(mean: float, variance: float) -> float:
    """Return the weight in bits up to which a million unrelated recordings may come by chance."""
    return float(mean + DEVIATIONS * np.sqrt(variance))


def promising(
    numbers: NDArray[np.uint32],
    counts: NDArray[np.int64],
    weights: NDArray[np.float64],
    by_chance: float,
) -> list[int]:
    """Return who is worth an alignment: the first few, then only what chance does not explain.

    A single key in common is never enough.
    """
    worth = (counts >= MIN_KEYS) & ((np.arange(len(numbers)) < ALWAYS) | (weights > by_chance))
    return [int(number) for number in numbers[worth]]


def _numbers(part: Packed, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the recordings of several ranges, without a loop over them."""
    count = high - low
    total = int(count.sum())
    places = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(total)
    numbers: NDArray[np.uint32] = part[places].astype(np.uint32)
    return numbers
