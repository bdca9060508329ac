"""Segments of the embedded index: postings in a file, immutable, memory-mapped.

    entries    u32 [postings], padded to eight bytes
    starts     u64 [quads + 1]
    quads      u32 [quads], padded to eight bytes
    footer     u64 [3]: the mark of a segment, quads, postings

Little-endian, in the order of writing: a merge of any size needs memory for one slice of it.
"""

import hashlib
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from detector.matching.postings import Packed, Postings

MARK: Final = int.from_bytes(b"EMKSEG02", "little")
_FOOTER: Final = 24


class NotSegment(ValueError):
    """The file is no whole segment of this release."""


def write(path: Path, slices: Iterable[Packed]) -> tuple[int, str]:
    """Write sorted postings, in slices that share no quad; durable when this returns.

    Returns:
        The number of postings, and the SHA-256 of the file.
    """
    quads: list[NDArray[np.uint32]] = [np.zeros(0, "<u4")]
    lengths: list[NDArray[np.uint64]] = [np.zeros(1, "<u8")]
    total, digest = 0, hashlib.sha256()
    with path.open("xb") as file:
        for packed in slices:
            if not len(packed):
                continue
            lists = Postings.of(packed)
            _put(file, digest, lists.entries.astype("<u4", copy=False))
            quads.append(lists.quads)
            lengths.append(np.diff(lists.starts))
            total += len(lists)
        _put(file, digest, np.zeros(total % 2, "<u4"))
        _put(file, digest, np.cumsum(np.concatenate(lengths), dtype="<u8"))
        every = np.concatenate(quads).astype("<u4", copy=False)
        _put(file, digest, every)
        _put(file, digest, np.zeros(len(every) % 2, "<u4"))
        _put(file, digest, np.array([MARK, len(every), total], "<u8"))
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return total, digest.hexdigest()


def read(path: Path) -> Postings:
    """Map a segment.

    Raises:
        NotSegment: it is cut, or something else.
        FileNotFoundError: there is none.
    """
    size = path.stat().st_size
    if size < _FOOTER or size % 8:
        raise NotSegment(f"{path.name} is cut")
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data = np.frombuffer(mapped, np.uint8)
    mark, quads, total = (int(one) for one in data[-_FOOTER:].view("<u8"))
    padded = 4 * (total + total % 2)
    if mark != MARK or size != padded + 8 * (quads + 1) + 4 * (quads + quads % 2) + _FOOTER:
        raise NotSegment(f"{path.name} is no segment of this release")
    after = padded + 8 * (quads + 1)
    return Postings(
        quads=data[after : after + 4 * quads].view("<u4"),
        starts=data[padded:after].view("<u8"),
        entries=data[: 4 * total].view("<u4"),
        mapped=mapped,
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(file: BinaryIO, digest: "hashlib._Hash", values: NDArray[np.generic]) -> None:
    data = np.ascontiguousarray(values)
    file.write(data.data)
    digest.update(data.data)
