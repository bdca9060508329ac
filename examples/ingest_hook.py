"""Submit the files named on the command line to Earmark, and print the result of each."""

import sys

from streams.runtime.settings import Settings
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook

with IngestHook(Settings.from_env()) as hook:  # EARMARK_BROKERS: where Kafka is
    for delivery in hook.submit_many(upload_from_file(path) for path in sys.argv[1:]):
        print(delivery.track_id, delivery.error or f"partition {delivery.partition}")  # noqa: T201
