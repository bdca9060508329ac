"""``earmark ledger``: look after the ledger's database."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.state import DEFAULT, State

app = typer.Typer(no_args_is_help=True, help="Look after the ledger's database.")
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]


@app.command()
def upgrade(state: StateOption = Path(DEFAULT)) -> None:
    """Bring the tables up to this release (opening the ledger does the same)."""
    from streams.ledger import Ledger, connect

    ledger = Ledger(connect(State(state).settings(None).ledger))
    done = ledger.upgrade()
    sys.stdout.write(
        f"the ledger is at {done.after} already\n"
        if done.before == done.after
        else f"upgraded from {done.before or 'an empty database'} to {done.after}\n"
    )
