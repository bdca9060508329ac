"""CONTRIBUTING.md names places that exist, with the symbols in them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(set(re.findall(r"`([a-z]+/[^`]*)`", TEXT)))


def test_every_path_is_there() -> None:
    assert len(PATHS) > 50
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


def test_every_symbol_is_in_the_file_that_follows() -> None:
    named = re.findall(r"((?:`[A-Z][A-Za-z]+`,? ?)+)(?:in|of) `([a-z]+/[^`]*[.]py)`", TEXT)
    assert len(named) > 8
    for symbols, path in named:
        for symbol in re.findall(r"`(.*?)`", symbols):
            assert re.search(rf"^(class )?{symbol}\b", (ROOT / path).read_text(), re.MULTILINE), (
                symbol
            )
