"""The reference catalogue's process: ``examples/catalogue_consumer.py`` with our settings.

The example imports nothing of Earmark, so that a platform can copy it. A wheel contains it.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from streams.contract import json_schemas, processes
from streams.runtime.kafka.clients import plain_client_settings
from streams.runtime.settings import Settings

EXAMPLE: Final = "examples/catalogue_consumer.py"
PLACES: Final = (Path(__file__).parents[2] / EXAMPLE, Path(__file__).parents[1] / EXAMPLE)


def run_catalogue(settings: Settings) -> NoReturn:
    """Replace this process by the example's."""
    (script, *_) = [place for place in PLACES if place.is_file()]
    name = processes.CATALOGUE.name
    environment = {
        "CATALOGUE_KAFKA": json.dumps(plain_client_settings(settings, name)),
        "CATALOGUE_GROUP": f"{settings.group_prefix}.{name}",
        "CATALOGUE_DATABASE": settings.ledger,
        "CATALOGUE_SCHEMAS": str(json_schemas.PUBLISHED),
        "CATALOGUE_HTTP": f"{settings.metrics_host}:{settings.metrics_port}",
    }
    arguments = [sys.executable, str(script)]
    os.execve(sys.executable, arguments, os.environ | environment)  # noqa: S606 - our own file
