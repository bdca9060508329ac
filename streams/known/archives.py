"""Archives of banks: one file to back up, restore, hand to a replica or to a partner.

An archive is Zstandard over records, each with a JSON header and two blobs (landmarks, index
keys). The first record describes the banks; their audit log and their items follow. The last one
contains their number and their hash. A file is read to its end and checked before any of it is
used. Index keys are included because making them takes the time.
"""

import hashlib
import io
import operator
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final
from uuid import uuid4

import numpy as np
import orjson
import zstandard

from detector.errors import BadInput, SingleReason
from detector.matching.alignment import Recording
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarks
from streams.known.banks import AuditLine, Bank, Banks, By, described
from streams.known.index import Changed, Item

MAGIC: Final = b"EARMARK BANKS 1\n"
_SIZES: Final = struct.Struct("<III")
_MOST: Final = (2**20, 2**22, 2**24)
_AUDIT: Final = 10**9
_NAMES: Final = ("bank", "item_id", "content_sha256", "pcm_sha256", "duration_s", "generator",
                 "licence", "note")  # fmt: skip

_Record = tuple[dict[str, Any], bytes, bytes]


class WrongArchive(SingleReason, reason="wrong_archive"):
    """The file is no archive of banks, or is damaged; nothing of it was used."""


def snapshot(banks: Banks, path: Path, names: Iterable[str] | None = None) -> int:
    """Write banks (all, or those named) to a file; return how many items it contains."""
    chosen = list(banks.all().values() if names is None else map(banks.get, names))
    audit = [line for bank in chosen for line in reversed(banks.audit(bank.name, _AUDIT))]
    items = banks.index.items([bank.name for bank in chosen])
    return write(path, chosen, items, audit)


def write(
    path: Path, banks: Iterable[Bank], items: Iterable[Item], audit: Iterable[AuditLine] = ()
) -> int:
    """Write an archive, all or nothing; return how many items it contains."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    digest, count = hashlib.sha256(), 0
    try:
        with beside.open("xb") as file:
            with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as target:
                target.write(MAGIC)

                def record(
                    header: dict[str, Any], landmarks: bytes = b"", keys: bytes = b""
                ) -> None:
                    encoded = orjson.dumps(header)
                    sizes = _SIZES.pack(len(encoded), len(landmarks), len(keys))
                    content = sizes + encoded + landmarks + keys
                    digest.update(content)
                    target.write(content)

                described_banks = [bank.model_dump(mode="json") for bank in banks]
                record({"landmarks": LANDMARKS_VERSION, "banks": described_banks})
                for line in audit:
                    record({"audit": vars(line)})
                for item in items:
                    keys = item.keys
                    if keys is None:
                        keys = Recording(Landmarks.from_bytes(item.landmarks)).keys
                    header = {name: getattr(item, name) for name in _NAMES}
                    record({"item": header}, item.landmarks, keys.astype("<u8").tobytes())
                    count += 1
                record({"end": count, "sha256": digest.hexdigest()})
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def read(path: Path) -> tuple[list[Bank], Iterator[Item]]:
    """Return the banks and the items of an archive, after reading it to its end once.

    Raises:
        WrongArchive: cut, altered, of another version, or no archive at all.
    """
    records = _records(path)
    first, _, _ = next(records, ({}, b"", b""))
    for _ in records:  # to the end, which proves the rest
        pass
    if first.get("landmarks") != LANDMARKS_VERSION:
        raise WrongArchive(f"{path} holds landmarks of version {first.get('landmarks')}")
    return [described(bank) for bank in first["banks"]], _items(path)


def bring_in(banks: Banks, path: Path, into: str, by: By) -> Changed:
    """Add all items of an archive to one bank, whatever bank they come from."""
    banks.get(into)
    _, items = read(path)
    return banks.add(into, items, by)


def restore(banks: Banks, path: Path, by: By) -> Changed:
    """Restore the banks of an archive, into an index that has none of their names."""
    made, _ = read(path)
    if taken := sorted({bank.name for bank in made} & banks.all().keys()):
        raise BadInput("bank_exists", f"there are banks of these names: {', '.join(taken)}")
    for bank in made:
        banks.create(bank, by)
    for header, _, _ in _records(path):
        if "audit" in header:
            banks.keep(AuditLine(**header["audit"]))
    total = Changed()
    for bank in made:
        own_items = (item for item in _items(path) if item.bank == bank.name)
        total += banks.add(bank.name, own_items, by)
    return total


def _items(path: Path) -> Iterator[Item]:
    for header, landmarks, keys in _records(path):
        if "item" in header:
            known = {name: header["item"].get(name) for name in _NAMES}
            yield Item(**known, landmarks=landmarks, keys=np.frombuffer(keys, "<u8"))


def _records(path: Path) -> Iterator[_Record]:
    """Yield the records; the last one proves that they are complete."""
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        source = io.BufferedReader(stream)
        try:
            if _exactly(source, len(MAGIC)) != MAGIC:
                raise WrongArchive(f"{path} is no archive of banks")
            while True:
                packed = _exactly(source, _SIZES.size)
                sizes = _SIZES.unpack(packed)
                if sizes[2] % 4 or any(map(operator.gt, sizes, _MOST)):
                    raise EOFError
                parts = [_exactly(source, size) for size in sizes]
                header = orjson.loads(parts[0])
                if not isinstance(header, dict):
                    raise EOFError
                if "end" in header:
                    if (header["end"], header["sha256"]) != (count, digest.hexdigest()):
                        raise WrongArchive(f"{path} is not what was written")
                    return
                digest.update(packed + b"".join(parts))
                count += "item" in header
                yield header, parts[1], parts[2]
        except (zstandard.ZstdError, orjson.JSONDecodeError, EOFError, KeyError) as error:
            raise WrongArchive(f"{path} is cut or damaged after {count} items") from error


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data
