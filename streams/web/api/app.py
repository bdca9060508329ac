"""The API's application: ``/v1/openapi.json`` describes it."""

from typing import Any, Final

from fastapi import FastAPI

from streams.contract.records import Upload
from streams.web.api import (
    appeals,
    links,
    multipart,
    problems,
    rightsholders,
    statements,
    tracks,
    uploads,
    webhooks,
)
from streams.web.api.callers import RateLimit
from streams.web.api.resources import AppResources
from streams.web.artist import api as artist
from streams.web.artist import guests, rights_api, rights_forms

DESCRIPTION = """
Submit tracks, read labels and decisions, submit appeals, receive webhooks. Errors are
`application/problem+json`. Every id is deterministic, so sending the same twice is harmless.
"""
MODULES: Final = (uploads, tracks, appeals, links, rightsholders, statements, webhooks)


def create(resources: AppResources) -> FastAPI:
    """Return the application; it is mounted at ``/v1``."""
    app = FastAPI(
        title="Earmark",
        version="1.0.0",
        description=DESCRIPTION,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        # checked before a body is read, and so before authentication
        max_body_size=multipart.SMALL_BYTES,
    )
    app.state.resources = resources
    app.state.rate_limit = RateLimit(resources.settings.api_rate_per_minute)
    app.state.appeal_limit = RateLimit(resources.settings.api_appeals_per_minute)
    problems.install(app)
    app.state.artist_limit = RateLimit(guests.PER_MINUTE)
    app.state.preview_limit = RateLimit(rights_forms.PREVIEWS_PER_MINUTE)
    for module in (*MODULES, artist, rights_api):
        app.include_router(module.router)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        """Add what FastAPI cannot see: the shapes of problems and uploads."""
        document = generate()
        schemas = document["components"]["schemas"]
        for shape in (problems.Problem, Upload):
            schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[shape.__name__] = schema
        document["servers"] = [{"url": "/v1"}]
        return document

    app.openapi = openapi  # type: ignore[method-assign] # as in FastAPI's documentation
    return app
