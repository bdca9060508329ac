"""Pages from templates: everything escaped, times and numbers formatted alike."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, Response

from detector.errors import BadInput
from streams.contract.printing import on_a_page
from streams.services import wording
from streams.services.reviews import REASONS
from streams.web.api import problems
from streams.web.api.problems import ProblemError
from streams.web.console import strings

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
DONE: Final = "earmark_done"
LONGEST_MESSAGE: Final = 300
DASH: Final = "\N{EN DASH}"
UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def when(at: datetime | None) -> str:
    """Return a time in UTC, to the minute."""
    return "?" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def age(at: datetime | None) -> str:
    """Return how long ago something was, in its largest unit."""
    if at is None:
        return "?"
    seconds = (datetime.now(UTC) - at).total_seconds()
    for size, unit in UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit}"
    return "0 s"


def clock(seconds: float) -> str:
    """Return a place in a track as min:s."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share in percent, or a dash."""
    return DASH if value is None else f"{100 * value:.{digits}f} %"


def first_up(text: str) -> str:
    """Return a sentence with a capital at its start, and nothing else changed."""
    return text[:1].upper() + text[1:]


def _shown(value: Any) -> Any:
    """Return what a template writes: texts of others without what reorders the page."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return on_a_page(value) if is_text else value


PAGES: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    finalize=_shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
FILTERS: Final = (when, age, clock, number, percent, first_up, wording.words, wording.reason)
PAGES.filters |= {function.__name__: function for function in FILTERS}
PAGES.globals |= {"REASONS": REASONS, "strings": strings, "wording": wording}


def fault_of(error: BadInput) -> str:
    """Return what is wrong, as a sentence for a page."""
    return f"{first_up(error.detail)}."


def page(
    request: Request, template: str, status: int | None = None, *, fault: str = "", **values: Any
) -> HTMLResponse:
    """Return a page, with 422 where it shows a fault.

    It shows the message of the preceding action, once.
    """
    visitor = getattr(request.state, "visitor", None)
    message = unquote(request.cookies.get(DONE, ""))[:LONGEST_MESSAGE]
    html = PAGES.get_template(template).render(
        me=visitor,
        done=message,
        here=request.url.path,
        csrf=visitor.session.csrf if visitor else "",
        fault=fault,
        **values,
    )
    answer = HTMLResponse(html, status or (422 if fault else 200))
    if message:
        answer.delete_cookie(DONE)
    return answer


def set_cookie(request: Request, answer: Response, name: str, value: str, **more: Any) -> None:
    """Set a cookie that no script can read; it stays on this site, unless ``samesite`` differs."""
    options = {"httponly": True, "secure": request.app.state.secure, "samesite": "strict"} | more
    answer.set_cookie(name, value, **options)


def error_page(request: Request, status: int, message: str) -> Response:
    """Return an error: as a page, as JSON for scripts, as a problem for API callers."""
    if request.url.path.startswith("/v1/"):  # a path that not even the API's mount takes
        code = "not_found" if status == 404 else "problem"
        return problems.response(request, ProblemError(status, code, message))
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"status": status, "message": message}, status)
    return page(request, "error.html", status, code=status, message=message)
