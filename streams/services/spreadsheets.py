"""Cells of CSV files, which people open in a spreadsheet or print to a terminal."""

import re
from typing import Final

FORMULA: Final = tuple("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets read wide ones too
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def cell(value: object) -> object:
    """Return a value that a spreadsheet does not compute, and a terminal only prints."""
    if not isinstance(value, str):
        return value
    text = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    return f"'{text}" if text.startswith(FORMULA) else text
