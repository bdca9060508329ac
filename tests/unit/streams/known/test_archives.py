"""Archives of banks: all comes back, and damage is refused as a whole."""

from pathlib import Path

import numpy as np
import pytest
import zstandard

from detector.errors import EarmarkError
from streams.contract.vocabulary import BankKind
from streams.known import archives
from streams.known.archives import WrongArchive
from streams.known.banks import Bank, Banks, By
from streams.known.index import open_index
from streams.known.sql import SqlIndex
from tests.support.known_tracks import item, query, score, worn

BY = By("anna", "a test")


@pytest.fixture
def index(tmp_path: Path) -> SqlIndex:
    return open_index(f"file://{tmp_path}/index")


@pytest.fixture
def banks(index: SqlIndex) -> Banks:
    made = Banks(index)
    for name in ("one", "two"):
        made.create(Bank(name=name, kind=BankKind.CATALOGUE, owner="T&S", enabled_ratio=0.5), BY)
        made.add(name, [item(seed, name, note=f"{name} {seed}") for seed in range(12)], BY)
    return made


def test_all_comes_back(banks: Banks, tmp_path: Path) -> None:
    assert archives.snapshot(banks, tmp_path / "a.banks") == 24
    with open_index(f"file://{tmp_path}/other") as other:
        copy = Banks(other)
        assert archives.restore(copy, tmp_path / "a.banks", BY).added == 24
        assert copy.all() == banks.all()
        assert list(other.items(["one"])) == list(banks.index.items(["one"]))
        assert [one.item for one in other.search(query(worn(score(5))))] == [
            one.item for one in banks.index.search(query(worn(score(5))))
        ]
        old = [(line.at, line.action, line.detail) for line in banks.audit()]
        assert set(map(str, old)) <= {
            str((line.at, line.action, line.detail)) for line in copy.audit(limit=1_000)
        }
        with pytest.raises(EarmarkError, match="banks of these names: one, two"):
            archives.restore(copy, tmp_path / "a.banks", BY)


def test_some_banks_and_into_another(banks: Banks, tmp_path: Path) -> None:
    assert archives.snapshot(banks, tmp_path / "a.banks", ["two"]) == 12
    banks.create(Bank(name="three", kind=BankKind.STAY_DOWN, owner="T&S"), BY)
    changed = archives.bring_in(banks, tmp_path / "a.banks", "three", BY)
    assert changed.added == 12
    assert archives.bring_in(banks, tmp_path / "a.banks", "three", BY).unchanged == 12
    result = {one.item.bank for one in banks.index.search(query(score(5)))}
    assert result == {"one", "two", "three"}


def test_what_is_cut_or_altered_is_refused_before_any_of_it_is_used(
    banks: Banks, tmp_path: Path
) -> None:
    path = tmp_path / "a.banks"
    archives.snapshot(banks, path)
    data = path.read_bytes()
    plain = zstandard.ZstdDecompressor().stream_reader(data).read()
    compress = zstandard.ZstdCompressor().compress
    landmark = plain.index(item(3, "one").landmarks)
    swapped = bytearray(plain)
    swapped[landmark + 50] ^= 1
    damaged = {
        "cut": data[: len(data) // 2],
        "cut at the end": compress(plain[:-200]),
        "altered": compress(bytes(swapped)),
        "another kind of file": b"RIFF" + bytes(500),
        "another magic": compress(b"X" + plain[1:]),
        "huge sizes": compress(plain[:16] + b"\xff" * 12 + plain[28:]),
        "empty": b"",
    }
    with open_index(f"file://{tmp_path}/other") as other:
        copy = Banks(other)
        for name, wrong in damaged.items():
            path.write_bytes(wrong)
            with pytest.raises(WrongArchive):
                archives.restore(copy, path, BY)
            assert copy.all() == {}, name
        assert other.stats().items == {}


def test_a_snapshot_that_fails_leaves_the_one_before(banks: Banks, tmp_path: Path) -> None:
    path = tmp_path / "a.banks"
    archives.snapshot(banks, path)
    before = path.read_bytes()

    def failing() -> object:
        yield item(1)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        archives.write(path, [], failing())  # type: ignore[arg-type]  # a generator will do
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith("banks")] == [path.name]


def test_keys_of_an_archive_are_what_is_made_of_its_landmarks(banks: Banks, tmp_path: Path) -> None:
    archives.snapshot(banks, tmp_path / "a.banks")
    _, items = archives.read(tmp_path / "a.banks")
    for entry in items:
        number = int(entry.item_id[2:])
        assert entry.keys is not None
        assert (expected := item(number).keys) is not None
        assert np.array_equal(entry.keys, expected)
