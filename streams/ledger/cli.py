"""``earmark ledger``: look after the ledger's database."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.local.state import DEFAULT, State

if TYPE_CHECKING:
    from collections import Counter

    from streams.ledger.database import Ledger

app = typer.Typer(no_args_is_help=True, help="Look after the ledger's database.")
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]


@app.command()
def upgrade(state: StateOption = Path(DEFAULT)) -> None:
    """Bring the tables up to this release (opening the ledger does the same)."""
    from streams.ledger.database import Ledger, connect

    ledger = Ledger(connect(State(state).settings(None).ledger))
    done = ledger.upgrade()
    sys.stdout.write(
        f"the ledger is at {done.after} already\n"
        if done.before == done.after
        else f"upgraded from {done.before or 'an empty database'} to {done.after}\n"
    )


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write (JSON lines); it holds hashes.")],
    state: StateOption = Path(DEFAULT),
) -> None:
    """Write the whole ledger into one file; sessions and one-time links stay out."""
    from streams.ledger.export import export as write

    out.touch(mode=0o600)
    with out.open("wb") as file:
        counts = write(_ledger(state), file)
    _told(counts, "rows written")


@app.command()
def rebuild(
    source: Annotated[
        Path | None, typer.Option("--from", help="An export; none: the topics.")
    ] = None,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Add what an export or the topics hold and the ledger does not; safe to repeat."""
    if source is not None:
        from streams.ledger.export import restore

        with source.open("rb") as file:
            _told(restore(_ledger(state), file), "rows added")
        return
    from streams.ledger.rebuild import rebuild as project_all

    settings = State(state).announced() or State(state).settings(None)
    new, refused = project_all(_ledger(state), settings)
    _told(new, "rows added")
    if refused:
        sys.stdout.write(f"{refused} messages could not be read; they are dead letters\n")


@app.command()
def verify(state: StateOption = Path(DEFAULT)) -> None:
    """Check every row against its record, and the chain of the audit log; 1 where it fails."""
    from streams.ledger import audit
    from streams.ledger.verify import faults

    ledger = _ledger(state)
    found = list(faults(ledger))
    for fault in found:
        sys.stdout.write(f"{fault.kind}: {fault.detail}\n")
    chain = audit.verify(ledger)
    sys.stdout.write(f"audit log: {chain.entries} entries, last hash {chain.last_hash}\n")
    if found:
        raise SystemExit(1)
    sys.stdout.write("the ledger fits\n")


@app.command()
def reviewed(
    out: Annotated[Path, typer.Argument(help="CSV file to write.")],
    state: StateOption = Path(DEFAULT),
) -> None:
    """Write the tracks that reviewers decided and that may be used to calibrate and train."""
    from streams.review.lessons import write

    with out.open("w", newline="") as file:
        sys.stdout.write(f"{write(_ledger(state), file)} tracks written\n")


def _ledger(state: Path) -> "Ledger":
    from streams.ledger.database import Ledger

    return Ledger.open(State(state).settings(None).ledger)


def _told(counts: "Counter[str]", what: str) -> None:
    for name, count in sorted(counts.items()):
        if count:
            sys.stdout.write(f"{count:9} {name}\n")
    sys.stdout.write(f"{sum(counts.values()):9} {what}\n")
