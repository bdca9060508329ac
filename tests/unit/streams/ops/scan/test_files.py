"""Tables as files: CSV that no spreadsheet computes, Parquet with types."""

import csv
from pathlib import Path

import pyarrow.parquet
import pytest

from detector.errors import Fatal
from streams.ops.scan import files
from streams.ops.scan.tables import COLUMNS, Report
from tests.support.scanned import HOSTILE, catalogue


def test_csv_is_neutral_and_parquet_is_typed(tmp_path: Path) -> None:
    paths = files.write(Report.of(*catalogue()), tmp_path, parquet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)
    assert {path.stem for path in paths} == set(COLUMNS)
    with (tmp_path / "tracks.csv").open(encoding=files.ENCODING, newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows[5]["title"].startswith("'=HYPERLINK")
    assert "\u202e" not in rows[5]["title"]
    assert rows[6]["detail"].startswith("'=")
    assert (tmp_path / "tracks.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,title,")
    table = pyarrow.parquet.read_table(tmp_path / "tracks.parquet")
    assert table["title"][5].as_py() == HOSTILE
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert (types["p_value"], types["duplicate_group"], types["matches"]) == (
        *("double", "int64"),
        "string",
    )
    assert (types["other_names"], table["duplicate_group"][2].as_py()) == ("bool", 1)


def test_empty_tables_have_their_columns(tmp_path: Path) -> None:
    files.write(Report.of([], []), tmp_path, parquet=True)
    header = (tmp_path / "duplicates.csv").read_text(files.ENCODING).strip()
    assert header.split(",") == list(COLUMNS["duplicates"])
    empty = pyarrow.parquet.read_table(tmp_path / "artists.parquet")
    assert (empty.num_rows, str(empty.schema.field("hours").type)) == (0, "double")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    files.check_parquet()
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(Fatal, match=r"pip install 'earmark\[parquet\]'"):
        files.check_parquet()
