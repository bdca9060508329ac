"""Texts for people outside, by language: gettext catalogues in ``streams/contract/languages``.

The source is English. ``N_`` marks a text where it is defined, ``translated`` returns it in a
language. Statements of reasons and the page of artists use the same catalogues. A new language is a
new catalogue: ``docs/how-to/languages.md``.
"""

import io
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent / "languages"
SOURCE: Final = "en"
DAY: Final = "d MMMM y"  # the pattern of a day (CLDR), which catalogues translate as well


def N_(text: str) -> str:  # noqa: N802 - the name that extraction looks for
    """Return the text: it only marks it for the catalogues."""
    return text


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that there are, English first."""
    return (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the texts of a language; English for one that there is not."""
    if language == SOURCE or language not in languages():
        return NullTranslations()
    from babel.messages.mofile import write_mo  # a start without statements needs neither
    from babel.messages.pofile import read_po

    with (FOLDER / f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)


def translated(language: str, text: str, **values: Any) -> str:
    """Return a marked text in a language, with its ``{names}`` filled in."""
    message = catalogue(language).gettext(text) if text else ""
    return message.format(**values) if values else message


def day(language: str, at: datetime) -> str:
    """Return a day as the language writes it."""
    from babel.dates import format_date

    known = language if language in languages() else SOURCE
    return format_date(at.date(), translated(known, N_("d MMMM y")), locale=known)


def best_language(accepted: str, offered: Iterable[str] | None = None) -> str:
    """Return the first language of an ``Accept-Language`` header that there is; else English."""
    known = tuple(offered or languages())
    weighted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        weighted.append((-weight, place, name.partition("-")[0].lower()))
    return next((name for weight, _, name in sorted(weighted) if name in known and weight), SOURCE)
