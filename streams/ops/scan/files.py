"""The tables of a report as CSV, and as Parquet where it is asked for."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from detector.errors import Fatal
from streams.ops.scan.tables import COLUMNS, KINDS, TYPES, Report
from streams.services.spreadsheets import cell

Row = Mapping[str, Any]
ENCODING: Final = "utf-8-sig"  # else a spreadsheet takes UTF-8 for something older
NO_PARQUET: Final = "Parquet needs a package: pip install 'earmark[parquet]'"


def check_parquet() -> None:
    """Raise Fatal where Parquet cannot be written: before hours of reading."""
    if find_spec("pyarrow") is None:
        raise Fatal(NO_PARQUET)


def tables_of(report: Report) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield the name of each table with its rows."""
    yield "tracks", report.track_rows()
    for kind, table in KINDS.items():
        yield table, (count.row(kind) for count in report.counts[kind])
    yield "duplicates", report.duplicate_rows()
    yield "unreadable", report.unreadable_rows()


def write(report: Report, folder: Path, *, parquet: bool = False) -> list[Path]:
    """Write the tables into a folder, each whole or not at all; return the files.

    Texts in CSV are neutralised for spreadsheets. Parquet has them as they are.
    """
    paths = []
    for name, rows in tables_of(report):
        written = list(rows)
        for suffix, write_table in (("csv", _csv), *((("parquet", _parquet),) if parquet else ())):
            path = folder / f"{name}.{suffix}"
            with whole(path) as beside:
                write_table(beside, COLUMNS[name], written)
            paths.append(path)
    return paths


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path beside; what was written there replaces the file."""
    beside = path.with_name(f".{path.name}.new")
    yield beside
    beside.replace(path)


def _csv(path: Path, names: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding=ENCODING) as out:
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)


def _parquet(path: Path, names: Sequence[str], rows: Iterable[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    kinds = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64()}
    kinds[bool] = pyarrow.bool_()
    fields = [pyarrow.field(name, kinds[TYPES.get(name, str)]) for name in names]
    table = pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path, compression="zstd")
