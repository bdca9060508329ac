"""Catalogues of texts by language: ``python -m deploy.languages fr`` begins one.

``make generate`` brings every catalogue up to the texts in the code: new texts stand in it without
a translation (a test names them), those that are gone are removed.
"""

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from streams.contract.translations import FOLDER, SOURCE, languages

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = (  # folders with marked texts
    *("streams/contract", "streams/policy", "streams/services", "streams/web/artist"),
)
METHODS: Final = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS: Final = {"N_": None, "_": None}


def catalogues() -> Mapping[Path, str]:
    """Return each catalogue as it should be."""
    texts = template()
    known = {}
    for language in languages():
        if language != SOURCE:
            path = FOLDER / f"{language}.po"
            known[path] = written(updated(path.read_bytes(), language, texts))
    return known


def template() -> Catalog:
    """Return all marked texts, in their order in the code."""
    texts = Catalog()
    for source in SOURCES:
        folder = ROOT / source
        if folder.is_dir():
            messages = extract_from_dir(
                folder, METHODS, keywords=KEYWORDS, comment_tags=("to translate:",)
            )
            for name, _, message, comments, _ in sorted(messages, key=lambda one: (one[0], one[1])):
                texts.add(message, locations=[(f"{source}/{name}", 0)], auto_comments=comments)
    return texts


def updated(content: bytes, language: str, texts: Catalog) -> Catalog:
    """Return a catalogue with the texts of the code; translations stay."""
    catalogue = read_po(io.BytesIO(content), locale=language)
    catalogue.update(texts, no_fuzzy_matching=True)
    return catalogue


def written(catalogue: Catalog) -> str:
    """Return a catalogue as its file: without times, and without lines of the code."""
    out = io.BytesIO()
    options = {"omit_header": True, "ignore_obsolete": True, "include_lineno": False}
    write_po(out, catalogue, width=100, sort_by_file=True, **options)
    return out.getvalue().decode()


def begin(language: str) -> Path:
    """Begin the catalogue of a language, without translations; return where it is."""
    try:
        Locale.parse(language)
    except (ValueError, UnknownLocaleError) as error:
        raise SystemExit(f"{language!r} is no language like fr or pt: {error}") from error
    path = FOLDER / f"{language}.po"
    if not re.fullmatch("[a-z]{2,3}", language) or path.exists():
        raise SystemExit(f"{path} is there already, or {language!r} is more than a language")
    path.write_text(written(updated(b"", language, template())))
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{begin(sys.argv[1])}\n")
