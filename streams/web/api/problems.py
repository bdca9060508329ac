"""Errors as ``application/problem+json`` (RFC 9457): a stable ``code``, a sentence, no secrets."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from detector.errors import BadInput, Transient

log = structlog.get_logger()

MEDIA: Final = "application/problem+json"
TITLES: Final = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Cannot be processed",
    429: "Too many requests",
    500: "Our mistake",
    503: "Try again later",
}

STATUSES: Final = {  # of what callers did wrong; others: 422
    **{"bad_cursor": 400, "no_such_appeal": 404, "no_such_decision": 404},
    **{"no_such_statement": 404, "not_delivered": 409},
    **{"no_such_rightsholder": 404, "no_such_request": 404, "no_such_choice": 404},
    **{"no_such_link": 404, "links_off": 409, "too_many_links": 409},
    **{"already_open": 409, "not_yours": 409, "too_many_open": 409, "too_large": 413},
}


class Problem(BaseModel):
    """What went wrong. ``code`` is stable; ``detail`` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(examples=["no_such_upload"])
    detail: str


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})


def response(_: Request, error: ProblemError) -> Response:
    """Return a problem as a response."""
    title = TITLES.get(error.status, "Problem")
    problem = Problem(title=title, status=error.status, code=error.code, detail=error.detail)
    return JSONResponse(problem.model_dump(), error.status, error.headers, MEDIA)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of problems with these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": TITLES[status], "content": {MEDIA: {"schema": schema}}}
        for status in statuses
    }


def logged_path(request: Request) -> str:
    """Return the path of a request for a log, without what is secret in it."""
    path = request.url.path
    return "/artist/open/..." if path.startswith("/artist/open/") else path


def install(app: FastAPI, answer: Callable[[Request, ProblemError], Response] = response) -> None:
    """Turn every error of an application into an answer: a problem, or a page of the console."""

    app.exception_handler(ProblemError)(answer)

    @app.exception_handler(BadInput)
    def bad_input(request: Request, error: BadInput) -> Response:
        status, detail = STATUSES.get(error.reason, 422), error.detail or error.reason
        return answer(request, ProblemError(status, error.reason, detail))

    @app.exception_handler(Transient)
    def transient(request: Request, error: Transient) -> Response:
        log.warning("request_failed", path=logged_path(request), error=str(error))
        detail = "A service that this needs is not available. Nothing was saved; try again."
        return answer(request, ProblemError(503, "try_again", detail, {"Retry-After": "5"}))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()[:5]
        )
        return answer(request, ProblemError(422, "invalid_request", faults))

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        code = TITLES.get(error.status_code, "problem").lower().replace(" ", "_").strip("?")
        problem = ProblemError(error.status_code, code, str(error.detail), error.headers)
        return answer(request, problem)

    @app.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> Response:
        before = error.__context__
        if isinstance(before, HTTPException) and before.status_code == 413:
            return http(request, before)  # answered already: the framework only unwinds
        log.error("request_broke", path=logged_path(request), exc_info=error)
        detail = "An internal error occurred; it is in the log."
        return answer(request, ProblemError(500, "our_mistake", detail))
