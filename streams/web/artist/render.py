"""Pages of artists from templates: everything escaped, each text in the reader's language."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from streams.contract.printing import on_a_page
from streams.contract.translations import N_, day, languages, translated
from streams.web.artist.guests import LANGUAGE_COOKIE, Guest, language_of
from streams.web.console.render import clock, set_cookie

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "static"
# The address of a page holds no secret. With "no-referrer", browsers would send forms without their
# origin, as those of another site.
HEADERS: Final = {
    "referrer-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow, noarchive",
}
SECRET_ADDRESS: Final = HEADERS | {"referrer-policy": "no-referrer"}
FAULTS: Final = {  # whatever was the reason
    405: N_("There is no such page."),
    410: N_("The audio is not kept here any more, so it cannot be played."),
    429: N_("Too many requests. Wait a minute, then try again."),
    500: N_("Something went wrong here. It is noted; please try again later."),
    503: N_("Something is not available just now. Nothing was saved; please try again."),
}
NAMES: Final = {"en": "English", "de": "Deutsch"}


def _shown(value: Any) -> Any:
    """Return what a template writes: texts of others without what reorders the page."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return on_a_page(value) if is_text else value


PAGES: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    finalize=_shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def size(count: int) -> str:
    """Return a number of bytes in the largest unit that fits."""
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


PAGES.filters |= {"clock": clock, "size": size}


def name_of(language: str) -> str:
    """Return how a language calls itself."""
    from babel import Locale  # with its data a start takes longer

    return NAMES.get(language) or str(Locale.parse(language).get_display_name()).capitalize()


def page(
    request: Request,
    template: str,
    status: int = 200,
    *,
    guest: Guest[Any] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page in the language that the request asks for, which the browser remembers."""
    language = language_of(request)
    html = PAGES.get_template(template).render(
        _=partial(translated, language),
        day=partial(day, language),
        language=language,
        languages=[(one, name_of(one)) for one in languages()],
        guest=guest,
        **values,
    )
    answer = HTMLResponse(html, status, HEADERS)
    if request.query_params.get("lang") == language:
        set_cookie(request, answer, LANGUAGE_COOKIE, language, path="/artist", max_age=31_536_000)
    return answer


def error_page(request: Request, status: int, message: str) -> Response:
    """Return an error as a plain page."""
    message = translated(language_of(request), FAULTS[status]) if status in FAULTS else message
    answer = page(request, "error.html", status, message=message)
    answer.headers["referrer-policy"] = SECRET_ADDRESS["referrer-policy"]  # it may be a link's
    return answer
