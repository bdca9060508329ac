"""The reference catalogue's process: ``examples/catalogue_consumer.py`` with our settings.

The example imports nothing of Earmark, so that a platform can copy it. A wheel contains it.
"""

import json
import os
import runpy
from pathlib import Path
from typing import Final

from streams.contract import json_schemas, processes
from streams.runtime.kafka.clients import plain_client_settings
from streams.runtime.patches import group_leave, kafka_python, record_batches
from streams.runtime.settings import Settings

EXAMPLE: Final = "examples/catalogue_consumer.py"
PLACES: Final = (Path(__file__).parents[2] / EXAMPLE, Path(__file__).parents[1] / EXAMPLE)


def run_catalogue(settings: Settings) -> int:
    """Run the example until a signal; return the exit code."""
    os.umask(0o077)  # where it is the first to open the ledger on SQLite, it makes the file
    record_batches.install()
    kafka_python.finish_joins()
    if not settings.leave_groups:
        group_leave.install()
    name = processes.CATALOGUE.name
    os.environ |= {
        "CATALOGUE_KAFKA": json.dumps(plain_client_settings(settings, name)),
        "CATALOGUE_GROUP": f"{settings.group_prefix}.{name}",
        "CATALOGUE_DATABASE": settings.ledger,
        "CATALOGUE_SCHEMAS": str(json_schemas.PUBLISHED),
        "CATALOGUE_HTTP": f"{settings.metrics_host}:{settings.metrics_port}",
    }
    # As the script that it is at a platform: neither a checkout nor a wheel has it as a module.
    runpy.run_path(str(next(filter(Path.is_file, PLACES))), run_name="__main__")
    return 0
