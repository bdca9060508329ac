"""Named code blocks of the documents: a fence with ``title="NAME"``."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

DOCUMENTS: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE: Final = re.compile(r'^```\w+ title="([\w-]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@cache
def blocks() -> dict[str, str]:
    """Return the text of each named block; a name stands once in all documents."""
    texts: dict[str, str] = {}
    for path in DOCUMENTS:
        for name, text in FENCE.findall(path.read_text(encoding="utf-8")):
            assert name not in texts, f"two blocks {name}: {path}"
            texts[name] = text
    return texts


def documents(folder: str = "docs") -> list[Path]:
    """Return the documents below a folder."""
    return [path for path in DOCUMENTS if path.is_relative_to(ROOT / folder)]
