"""``earmark statements``: statements of reasons as JSON lines.

Each line's ``fields`` are what the DSA Transparency Database takes, checked against its rules;
nothing is sent anywhere. What it would refuse goes to standard error, and the exit code is 1.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from streams.cli.dead_letters import moment
from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.contract.records.policy import StatementWritten
    from streams.store.database import Ledger


def statements(
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="From: ISO 8601, or 6h, 7d."),
    ] = None,
    track: Annotated[str, typer.Option(help="Of one track.")] = "",
    fields: Annotated[
        bool, typer.Option("--fields", help="Only what the Transparency Database takes.")
    ] = False,
    state: Annotated[
        Path, typer.Option("--state", help="Folder of a one-machine instance.")
    ] = Path(DEFAULT),
) -> None:
    """Export statements of reasons as JSON lines; nothing is submitted."""
    from streams.policy.transparency import faults
    from streams.store.database import Ledger

    settings = State(state).announced() or State(state).settings(None)
    bad = 0
    for one in written(Ledger.open(settings.ledger), since, track):
        refused = faults(one.fields)
        bad += bool(refused)
        if refused:
            sys.stderr.write(f"earmark: {one.statement_id}: {'; '.join(refused)}\n")
        said = one.fields if fields else one.model_dump(mode="json", exclude_none=True)
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
    if bad:
        raise SystemExit(1)


def written(
    ledger: "Ledger", since: datetime | None = None, track: str = ""
) -> "Iterator[StatementWritten]":
    """Yield statements as they were written, the oldest first."""
    from sqlalchemy import select

    from streams.contract.records import parse
    from streams.contract.records.policy import StatementWritten
    from streams.store.tables import STATEMENTS

    asked = select(STATEMENTS.c.record).order_by(
        STATEMENTS.c.recorded_at, STATEMENTS.c.statement_id
    )
    if since is not None:
        asked = asked.where(STATEMENTS.c.recorded_at >= since)
    if track:
        asked = asked.where(STATEMENTS.c.track_id == track)
    with ledger.reading() as connection:
        for text in connection.scalars(asked.execution_options(yield_per=500)):
            yield parse(StatementWritten, text.encode())
