"""``earmark ledger``: look after the ledger's database."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from collections import Counter

    from streams.store.database import Ledger

app = typer.Typer(no_args_is_help=True, help="Look after the ledger's database.")
LEFT = """\
still hold it: the topics, until they forget it by age; the audit log, by ids; banks of known
tracks (earmark bank remove); your backups. deploy/RUNBOOKS.md, "Deleting a person's data"
"""
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]


@app.command()
def upgrade(state: StateOption = Path(DEFAULT)) -> None:
    """Bring the tables up to this release (opening the ledger does the same)."""
    from streams.store.database import Ledger, connect

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
    from streams.store.export import export as write

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
        from streams.store.export import restore

        with source.open("rb") as file:
            _told(restore(_ledger(state), file), "rows added")
        return
    from streams.services.ledger_rebuild import rebuild as project_all

    settings = State(state).announced() or State(state).settings(None)
    new, refused = project_all(_ledger(state), settings)
    _told(new, "rows added")
    if refused:
        sys.stdout.write(f"{refused} messages could not be read and were passed over\n")


@app.command()
def verify(state: StateOption = Path(DEFAULT)) -> None:
    """Check every row against its record, and the chain of the audit log; 1 where it fails."""
    from streams.services.ledger_verification import faults
    from streams.store import audit

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
    from streams.services.training_export import write

    with out.open("w", newline="") as file:
        sys.stdout.write(f"{write(_ledger(state), file)} tracks written\n")


@app.command()
def forget(
    tracks: Annotated[list[str], typer.Argument(help="Ids of tracks.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it only tells.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; the system's user by default.")] = "",
    state: StateOption = Path(DEFAULT),
) -> None:
    """Delete all that ledger and store hold about tracks; says what stays, and where."""
    from streams.media.artefacts import ArtefactStore
    from streams.services.erasure import forget as forget_tracks

    settings = State(state).announced() or State(state).settings(None)
    store = ArtefactStore.open(settings.store)
    who = by or getpass.getuser()
    found = forget_tracks(_ledger(state), store, tracks, who=who, really=yes)
    _told(found.rows, "rows deleted" if yes else "rows would be deleted")
    for path in found.files:
        sys.stdout.write(f"          {path}\n")
    for content in found.shared:
        sys.stdout.write(f"          stays: content {content[:16]}, other tracks have it\n")
    for track in found.unknown:
        sys.stdout.write(f"          not there: the ledger has no upload of track {track}\n")
    sys.stdout.write(LEFT if yes else "nothing was deleted; add --yes\n")


def _ledger(state: Path) -> "Ledger":
    from streams.store.database import Ledger

    return Ledger.open(State(state).settings(None).ledger)


def _told(counts: "Counter[str]", what: str) -> None:
    for name, count in sorted(counts.items()):
        if count:
            sys.stdout.write(f"{count:9} {name}\n")
    sys.stdout.write(f"{sum(counts.values()):9} {what}\n")
