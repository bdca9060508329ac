"""CONTRIBUTING.md names places that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_path_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(
        re.findall(r"`((?:detector|streams|models|deploy|docs|examples|tests)/[^`]*)`", text)
    )
    assert len(paths) > 25
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
