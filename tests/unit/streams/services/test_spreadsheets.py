"""Cells that a spreadsheet does not compute."""

import ast
from pathlib import Path

import pytest

import streams
from streams.services.spreadsheets import cell


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\\u0009=1"),
        ("\x1b[2J\x07", "\\u001b[2J\\u0007"),
        ("a\r\n=1", "a\\u000d\\u000a=1"),
        ("Löwe\xa0= 1", "Löwe\xa0= 1"),
        (-1.5, -1.5),
        (None, None),
    ],
)
def test_a_cell_is_text_and_nothing_else(value: object, expected: object) -> None:
    assert cell(value) == expected


def test_every_module_that_writes_csv_makes_cells() -> None:
    root = Path(str(streams.__file__)).parent
    for path in root.rglob("*.py"):
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        if names & {"writerow", "writerows"}:
            assert "cell" in names, path
