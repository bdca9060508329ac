"""Postings: which recordings have which index keys, and where; the search behind every index.

An *index key* is 40 bits: a quad's number (32) and the second, modulo 256, in which it starts (8).
A *posting* is an index key with the number of its recording, in a list for each quad. Lists are
in memory or mapped from a file. A search counts common quads, weighted by rarity, then those on
one line: the seconds of a true match are on a line, those of another recording are not.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
"""Index keys, sorted: the quad in bits 8 to 39, the second in bits 0 to 7."""
Packed = NDArray[np.uint64]
"""Postings as single numbers, sorted: quad (32 bits), recording (24), second (8)."""

MAX_NUMBER: Final = 2**24 - 1
"""The highest number that a recording may have."""
MAX_VOTES: Final = 260_000
"""Postings read for one search: the commonest keys of a query give way."""
ENOUGH_QUADS: Final = 128  # of a query are looked up, the rarest ...
ENOUGH_SHARE: Final = 0.4  # ... or this share of a long one's
MIN_KEYS: Final = 2
MIN_KEYS_OF_MANY: Final = 3
HEAVIEST: Final = 3
MANY: Final = 200_000  # recordings
CLOSER: Final = 64  # recordings, the heaviest, whose quads in line are counted
IN_LINE: Final = 3.5
IN_LINE_OF: Final = 16
KEYS_OF_A_RECORDING: Final = 300  # about; only the logarithm of the number of recordings counts

_MAX_SPEED: Final = 0.13
_SLOPES: Final = 1 + np.linspace(-_MAX_SPEED, _MAX_SPEED, 13)
_BIN_S: Final = 2
_BINS: Final = 256 // _BIN_S
_SLICES: Final = 64
_PLACE_BITS: Final = np.uint64(24)
_PLACE: Final = np.uint64(2**24 - 1)


@dataclass(frozen=True)
class Postings:
    """The lists of any number of recordings."""

    quads: NDArray[np.uint32]
    """Distinct quads, sorted [n]."""
    starts: NDArray[np.uint64]
    """Where the list of each begins, and the end of the last [n + 1]."""
    entries: NDArray[np.uint32]
    """Recording (upper 24 bits) and second (lower 8), sorted within each list."""
    mapped: mmap.mmap | None = None
    """The file that begins with ``entries``, if they are mapped."""

    def __len__(self) -> int:
        return len(self.entries)

    @classmethod
    def of(cls, packed: Packed) -> "Postings":
        """Return the lists of sorted postings."""
        quads = (packed >> np.uint64(32)).astype(np.uint32)
        firsts = np.flatnonzero(np.diff(quads, prepend=quads[:1] ^ np.uint32(1)))
        starts = np.append(firsts, len(quads)).astype(np.uint64)
        return cls(quads[firsts], starts, packed.astype(np.uint32))

    def slice(self, low: int, high: int) -> Packed:
        """Return the postings of quads from ``low`` up to but not including ``high``."""
        first = np.searchsorted(self.quads, np.uint32(low), "left")
        last = np.searchsorted(self.quads, np.uint32(high - 1), "right")
        starts = self.starts[first : last + 1].astype(np.int64)
        quads = np.repeat(self.quads[first:last].astype(np.uint64), np.diff(starts))
        return (quads << np.uint64(32)) | self.entries[starts[0] : starts[-1]]

    def lists(self, quads: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the list of each quad begins and how long it is."""
        if len(self.quads) == 0:
            none = np.zeros(len(quads), np.int64)
            return none, none
        at = np.searchsorted(self.quads, quads)
        there = np.minimum(at, len(self.quads) - 1)
        present = self.quads[there] == quads
        begin = self.starts[there].astype(np.int64)
        length = self.starts[there + 1].astype(np.int64) - begin
        return begin, np.where(present, length, 0)

    def read(self, begin: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the entries of several lists, without a loop over them."""
        places = np.repeat(begin - (np.cumsum(length) - length), length)
        entries: NDArray[np.uint32] = np.asarray(self.entries[places + np.arange(len(places))])
        return entries

    def expect(self, begin: NDArray[np.int64], length: NDArray[np.int64]) -> None:
        """Let the system read these lists together: one by one each would wait for the disk."""
        if self.mapped is None:
            return
        size = self.entries.itemsize
        first = begin * size // mmap.PAGESIZE * mmap.PAGESIZE
        for start, end in zip(first.tolist(), ((begin + length) * size).tolist(), strict=True):
            if end > start:
                self.mapped.madvise(mmap.MADV_WILLNEED, start, end - start)

    def let_go(self) -> None:
        """Unmap what was read of the lists; it stays in the system's cache."""
        if self.mapped is not None:
            self.mapped.madvise(mmap.MADV_DONTNEED, 0, self.entries.nbytes)


def pack(keys: Keys, number: "int | NDArray[np.uint64]") -> Packed:
    """Return the postings of one recording, or of one for each key."""
    quads = (keys << np.uint64(24)) & ~np.uint64(2**32 - 1)
    return quads | (np.uint64(number) << np.uint64(8)) | (keys & np.uint64(255))


def packed(parts: Iterable[Packed]) -> Packed:
    """Return all postings of several arrays, sorted; quickest where each is sorted already."""
    together = np.concatenate([np.zeros(0, np.uint64), *parts])
    together.sort(kind="stable")  # which merges what lies in order
    return together


def merged(parts: Sequence[Postings]) -> Iterator[Packed]:
    """Yield all postings of several lists, sorted, in slices by quad: memory stays small."""
    edges = np.linspace(0, 2**32, _SLICES + 1).astype(np.int64)
    for low, high in pairwise(edges):
        yield packed(part.slice(int(low), int(high)) for part in parts)


@dataclass(frozen=True)
class Votes:
    """Recordings that share quads with a query, by falling weight."""

    numbers: NDArray[np.uint32]
    counts: NDArray[np.int64]
    """Distinct quads in common."""
    weights: NDArray[np.float64]
    """In bits: how unlikely it is that another recording shares those quads."""
    in_line: NDArray[np.int64]
    """How many of them are on one line, at one speed."""
    held: float
    """How many recordings there are, about."""

    def promising(self) -> list[int]:
        """Return the recordings worth an alignment, most in line first.

        About one in a hundred unrelated recordings has so many in line by chance. The heaviest
        count anyway: among few recordings a true match with little in common is one of them.
        """
        worth = self.in_line >= IN_LINE + self.counts / IN_LINE_OF
        if self.held < MANY:
            worth[:HEAVIEST] = True
        else:
            worth[:1] |= self.in_line[:1] >= IN_LINE - 1
        order = np.argsort(-self.in_line[worth], kind="stable")
        return [int(number) for number in self.numbers[worth][order]]


@dataclass(frozen=True)
class Asked:
    """The quads of a query."""

    quads: NDArray[np.uint32]
    seconds: NDArray[np.int64]
    """Where each is in the query, the first time."""

    @classmethod
    def of(cls, keys: Keys) -> "Asked":
        """Return the quads of index keys."""
        quads, at = np.unique((keys >> np.uint64(8)).astype(np.uint32), return_index=True)
        return cls(quads, (keys[at] & np.uint64(255)).astype(np.int64))

    def rare(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of the quads whose lists are read: the rarest."""
        order = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
        order = order[: max(ENOUGH_QUADS, int(ENOUGH_SHARE * len(order)))]
        chosen: NDArray[np.int64] = np.sort(order[np.cumsum(lengths[order]) <= MAX_VOTES])
        return chosen

    @staticmethod
    def bits(lengths: NDArray[np.int64], held: float) -> NDArray[np.float64]:
        """Return the weight of each quad: ten bits if a thousandth of the recordings have it."""
        weight: NDArray[np.float64] = np.log2(1 + held / np.maximum(lengths, 1))
        return weight

    def count(
        self,
        entries: NDArray[np.uint32],
        which: NDArray[np.int64],
        lengths: NDArray[np.int64],
        held: float,
    ) -> Votes:
        """Count by recording the ``entries`` of all lists that were read.

        ``which`` is the place of each entry's quad, ``lengths`` are of the lists of all quads,
        ``held`` is about the number of recordings.
        """
        bits, least = self.bits(lengths, held), MIN_KEYS if held < MANY else MIN_KEYS_OF_MANY
        # sorting is dear: first drop entries that share their slot with too few others
        slots = (1 << (2 * len(entries)).bit_length()) - 1
        slot = (entries >> np.uint32(8)) & np.uint32(slots)
        often = np.bincount(slot, minlength=1)[slot] >= least
        entries, which = entries[often], which[often].astype(np.uint64)
        number = entries >> np.uint32(8)
        code = (number.astype(np.uint64) << _PLACE_BITS) | which
        code.sort()
        code = code[np.diff(code, prepend=~code[:1]) != 0]  # a quad counts once for each recording
        numbers = (code >> _PLACE_BITS).astype(np.uint32)
        begin = np.flatnonzero(np.diff(numbers, prepend=~numbers[:1]))
        counts = np.diff(begin, append=len(code))
        begin, counts = begin[counts >= least], counts[counts >= least]
        total = np.concatenate((np.zeros(1), np.cumsum(bits[(code & _PLACE).astype(np.int64)])))
        weights = total[begin + counts] - total[begin]
        if len(begin) > CLOSER:
            heavy = np.sort(np.argpartition(-weights, CLOSER)[:CLOSER])
            begin, counts, weights = begin[heavy], counts[heavy], weights[heavy]
        numbers = numbers[begin]
        owner = np.searchsorted(numbers, number)
        near = numbers[np.minimum(owner, len(numbers) - 1)] == number if len(numbers) else owner > 0
        in_line = _in_line(
            owner[near],
            (entries[near] & np.uint32(255)).astype(np.int64),
            self.seconds[which[near].astype(np.int64)],
            len(numbers),
        )
        order = np.lexsort((numbers, -weights))
        return Votes(numbers[order], counts[order], weights[order], in_line[order], held)


def votes(parts: Sequence[Postings], keys: Keys) -> Votes:
    """Return the recordings that share two quads with a query, three of very many."""
    query = Asked.of(keys)
    lists = [part.lists(query.quads) for part in parts]
    lengths = sum((length for _, length in lists), np.zeros(len(query.quads), np.int64))
    chosen = query.rare(lengths)
    lists = [(begin[chosen], length[chosen]) for begin, length in lists]
    for part, (begin, length) in zip(parts, lists, strict=True):
        part.expect(begin, length)
    entries = [part.read(*places) for part, places in zip(parts, lists, strict=True)]
    for part in parts:
        part.let_go()
    which = [np.repeat(chosen, length) for _, length in lists]
    return query.count(
        np.concatenate([np.zeros(0, np.uint32), *entries]),
        np.concatenate([np.zeros(0, np.int64), *which]),
        lengths,
        1 + sum(map(len, parts)) / KEYS_OF_A_RECORDING,
    )


def _in_line(
    owner: NDArray[np.int64], there: NDArray[np.int64], here: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return for each recording how many of its quads start where one speed and offset put them.

    Seconds and offsets are modulo 256. Two neighbouring bins of two seconds are one place.
    """
    offset = (there[:, None] - _SLOPES * here[:, None]) % 256
    bins = (offset // _BIN_S).astype(np.int64) % _BINS
    code = (owner[:, None] * len(_SLOPES) + np.arange(len(_SLOPES))) * _BINS + bins
    sums = np.bincount(code.ravel(), minlength=count * len(_SLOPES) * _BINS)
    sums = sums.reshape(count, len(_SLOPES), _BINS)
    most: NDArray[np.int64] = (sums + np.roll(sums, -1, axis=2)).max(axis=(1, 2))
    return most
