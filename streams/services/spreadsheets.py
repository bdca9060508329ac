"""Cells of CSV files, which people open in a spreadsheet or print to a terminal."""

from typing import Final

from streams.contract.printing import CONTROL, escaped

FORMULA: Final = tuple("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets read wide ones too


def cell(value: object) -> object:
    """Return a value that a spreadsheet does not compute, and a terminal only prints."""
    if not isinstance(value, str):
        return value
    text = CONTROL.sub(lambda found: escaped(found[0]), value)
    return f"'{text}" if text.startswith(FORMULA) else text
