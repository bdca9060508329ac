"""A sound to upload, and what waits in the outbox."""

import sqlalchemy

from streams.contract import topics
from streams.contract.records import UploadReceived, parse
from streams.store.account_tables import OUTBOX
from tests.support.console import Console

WAV = b"RIFF" + bytes(range(256)) * 40


def waiting(console: Console) -> list[UploadReceived]:
    with console.resources.ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(OUTBOX).order_by(OUTBOX.c.sequence)).all()
    assert {row.topic for row in rows} <= {topics.UPLOADED}
    return [parse(UploadReceived, bytes(row.value)) for row in rows]
